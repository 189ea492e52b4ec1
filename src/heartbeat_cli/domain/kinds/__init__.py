"""What is known of Docker, systemd, PostgreSQL, cron, plug-in output and health bodies."""
