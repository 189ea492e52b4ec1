"""Kinds for heartbeat: `ups`, `wake_on_lan`, `syslog`. Each is a module of its own, named in pyproject.toml."""
