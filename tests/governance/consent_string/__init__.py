"""Tests of the decoders of consent strings."""
