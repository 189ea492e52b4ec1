"""The host: processes, files, locks, /proc, TCP, cron. Knows nothing of components."""
