"""The worker as people run it, against a real broker: live equals replay, killed or not."""
