"""Seeded histories held against answers computed another way: the commit protocol alone, and the whole kernel against a batch oracle."""
