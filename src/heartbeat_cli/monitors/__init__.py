"""One file a kind: how to check it. The file name is the kind; a monitor acquires and judges, nothing more."""
