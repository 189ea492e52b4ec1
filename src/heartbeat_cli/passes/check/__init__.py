"""`check`: run the checks that are due and store their readings."""
