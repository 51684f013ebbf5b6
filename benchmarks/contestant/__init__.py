"""What the live benchmark holds the monitor against: each a process of its own that reads the same topic and prints what it took."""
