"""Policies: what each check says of each way to go live."""
