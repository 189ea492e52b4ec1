"""What a run does besides: retention, the state of the store and of the lock, the ping to a dead man's switch."""
