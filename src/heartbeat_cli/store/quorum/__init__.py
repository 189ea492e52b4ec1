"""The other hosts of the store: what they saw, and when they were last seen."""
