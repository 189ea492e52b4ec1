"""What runs on this host that could be watched."""
