"""Tests of governance.config: what a config says, and every way it can be wrong."""
