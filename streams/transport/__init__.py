"""The bus below the monitor: a plain interface to partitioned logs, Kafka and in-process behind it, and both plugged into Faust."""
