"""One file for each verb, with click only: parse, call the passes, print."""
