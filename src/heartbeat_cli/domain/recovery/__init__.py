"""Which recovery step comes next, and what holds it back."""
