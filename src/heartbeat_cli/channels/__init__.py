"""One file a channel: how a message gets to a person. The file name is the kind."""
