"""`python -m heartbeat_cli` is the same program as `heartbeat`."""

from heartbeat_cli.cli import main

main()
