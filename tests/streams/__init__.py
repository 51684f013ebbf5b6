"""What the shell and the kernel promise."""
