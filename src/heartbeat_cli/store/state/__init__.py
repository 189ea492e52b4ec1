"""What is true now: states, incidents, recovery attempts, silences, beats."""
