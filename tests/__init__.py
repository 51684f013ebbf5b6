"""What the project promises, one test a promise."""
