"""`recover`: take the next recovery step of each open incident, and verify it."""
