"""`heartbeat prune`: what has had its time goes, the rest stays."""

import sqlite3
from pathlib import Path

from tests.parts.outage import Outage
from tests.parts.verb import heartbeat


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    thing = Outage(tmp_path)
    thing.run()
    with sqlite3.connect(tmp_path / ".local/state/heartbeat/heartbeat.db") as db:
        for table, column in (("heartbeat_log", "at"), ("heartbeat_pass_rows", "started")):
            db.execute(f"UPDATE {table} SET {column} = {column} - 91 * 86400")
    thing.run()
    ended = heartbeat(tmp_path, "prune")
    assert (ended.code, ended.err) == (0, "")
    assert "heartbeat_log: 1 dropped\n" in ended.out
    assert "heartbeat_passes: 1 dropped\n" in ended.out
    assert db.execute("SELECT count(*) FROM heartbeat_log").fetchone() == (1,)
    db.close()
