"""Measurements, run by hand or by CI; nothing imports them."""
