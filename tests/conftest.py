"""What every test may ask for."""

from tests.brokers.fixtures import kafka, redis

__all__ = ["kafka", "redis"]
