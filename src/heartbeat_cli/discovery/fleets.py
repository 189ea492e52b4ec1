"""Keeps what stood in the files that `each` is read from, for the runs that cannot read one."""

import json
from contextlib import suppress

from heartbeat_cli.config import fleets, places
from heartbeat_cli.config.types import Config
from heartbeat_cli.system import files, trusted


def keep(config: Config) -> None:
    """Keep what was read, beside what was kept of blocks whose file could not be read. Without a word where that cannot
    be done: what writes there next says so."""
    folder = places.config_folder(config)
    before = fleets.remembered(folder)
    now = {block: rows for block, rows in before.items() if block in config.unread} | dict(config.fleets)
    if now != before and len(text := json.dumps(now)) <= fleets.MAX_BYTES:
        with suppress(OSError):
            trusted.make_folder(folder)
            files.write_own(folder / fleets.FILE, text)
