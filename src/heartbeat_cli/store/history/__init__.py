"""Heartbeats over time: passes, gaps, rollups, summaries, retention, repair after a wrong clock."""
