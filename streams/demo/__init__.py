"""A run of a scenario in one process, told on the terminal while it happens."""
