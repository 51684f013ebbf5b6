"""What a made-up run and its truth promise."""
