"""What other hosts saw and when they were last heard."""
