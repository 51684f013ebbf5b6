"""What crosses the bus: one frozen, strict model per message, and the reading of bytes into them."""
