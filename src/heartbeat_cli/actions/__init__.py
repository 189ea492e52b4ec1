"""One file an action: a rung of a recovery ladder. The file name is what a config calls it."""
