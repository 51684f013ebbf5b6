"""Numbers: windows, cells, rates, sequential tests, segment attribution and anomaly detectors; nothing here knows a bus, a clock or a file."""
