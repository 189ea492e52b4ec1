"""One file a kind: how to look at it. The file name is the kind; a monitor acquires and judges, nothing more."""
