"""`doctor`: what is wrong with the set-up, and the command that mends it."""
