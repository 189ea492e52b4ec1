"""What a check returns and how it is judged: readings, metrics, coverage, this host's own isolation."""
