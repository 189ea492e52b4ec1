"""One file a verb: click only. Parse, call the passes, print."""
