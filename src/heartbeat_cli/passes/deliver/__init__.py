"""`deliver`: send what waits in the outbox."""
