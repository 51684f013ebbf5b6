"""Numbers: windows, cells, rates, sequential tests, segments and anomaly detectors; no bus, clock or file is known here."""
