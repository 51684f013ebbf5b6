"""Real brokers for tests: Apache Kafka and Redis, started and stopped by pid, on loopback, nothing left behind."""
