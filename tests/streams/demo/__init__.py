"""What the demo tells, and how it looks."""
