"""Alerts and their delivery: claimed with a lease, settled once."""
