"""The report: a pure function of a snapshot, and its views; nothing here reads a clock, a file or a bus."""
