"""Strict decoders of IAB TCF and GPP strings: a string is read whole or refused with a code and a bit, never in part."""
