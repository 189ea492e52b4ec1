"""Our own templates of messages as Python, written by scripts/templates."""
