"""Tests of governance.message: what is read, what is refused, what is published."""
