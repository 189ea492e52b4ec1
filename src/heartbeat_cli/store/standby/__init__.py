"""What a pass uses while the store does not answer: mirror, spool, and the replay."""
