"""A made-up personalization program with a known truth: every event, fault and answer follows from a scenario and a seed."""
