"""The queries behind status page, badges and metrics."""
