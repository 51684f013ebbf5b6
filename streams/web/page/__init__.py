"""The live page, rendered here: what is said, with which numbers and pictures. It works without script; a few lines keep it fresh."""
