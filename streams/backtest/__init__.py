"""What another threshold, rule or setting would have done: candidates, their runs through the kernel, and how they agree with labels."""
