"""The shell around the pure kernel: files, bus, stores, clock, page and command line."""
