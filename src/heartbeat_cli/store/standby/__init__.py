"""What keeps the watch going while the store is away: mirror, spool, and the way back."""
