"""Attempts to get in, by local users, hostile targets and whoever reads what is shown; each must fail."""
