"""heartbeat: one pass over a self-hosted system, started by cron, and gone again."""

__version__ = "0.2.0"
