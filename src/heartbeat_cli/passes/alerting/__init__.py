"""What several passes need to raise an alert: the outbox entry, its context, its recommendations."""
