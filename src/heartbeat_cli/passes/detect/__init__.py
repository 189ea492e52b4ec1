"""`detect`: judge the stored checks; incidents, alerts and outbox in one transaction."""
