"""The pure fold: rows and records in, one commit out. No clock, randomness, environment or I/O below this line."""
