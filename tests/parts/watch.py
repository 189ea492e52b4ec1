"""A small watch for tests of the store: two targets that are well while their files are there, and what was told."""

import json
from collections.abc import Callable
from pathlib import Path

from heartbeat_cli.config import load, places
from heartbeat_cli.store.sql import database as stores
from heartbeat_cli.store.standby import spool
from tests.parts.verb import Ended, heartbeat


def kept_in(path: Path) -> Path:
    """Where the mirror and the spool of a configuration's store are kept."""
    return places.store_folder(load.read(path))


class Watch:
    """The targets `alpha` and `beta`, well while their files are there; `also` is more configuration."""

    def __init__(self, folder: Path, store: str, also: str = "", timeout: float = 1.0) -> None:
        self.folder, self.store = folder, store
        self.runs = 0
        for id_ in ("alpha", "beta"):
            (folder / id_).touch()
        parts = [
            f'[components.{id_}]\nkind = "command"\ncommand = ["test", "-e", "{folder}/{id_}"]\nexit_codes = "plain"\n'
            'interval = 0.01\nretries = 0\nrecovery = "off"\nrecovery_threshold = 1\n'
            for id_ in ("alpha", "beta")
        ]
        head = f'[heartbeat]\nobserver = "here"\nstore = "{store}"\nstate_dir = "{folder}/state"\n'
        head += f"store_timeout = {timeout}\n"
        log = f'[channels.log]\nkind = "file"\npath = "{folder}/told.jsonl"\n'
        (folder / "heartbeat.toml").write_text(head + also + log + "".join(parts))

    def change(self, old: str, new: str) -> None:
        """Edit the configuration."""
        path = self.folder / "heartbeat.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def verb(self, *words: str) -> Ended:
        ended = heartbeat(self.folder, *words)
        assert "Traceback" not in ended.err and "internal" not in ended.err, ended.err
        return ended

    def run(self, times: int = 1) -> str:
        """That many passes, all of them good; what they said."""
        said = ""
        for _ in range(times):
            ended = self.verb("run")
            assert ended.code == 0, ended.err
            self.runs += 1
            said += ended.err
        return said

    def told(self) -> list[str]:
        path = self.folder / "told.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [f"{one['component']} {one['type']}" for one in map(json.loads, lines)]

    def spools(self) -> list[Path]:
        return spool.existing(self.kept)

    @property
    def kept(self) -> Path:
        """Where mirror and spool of the configuration's store are kept."""
        return kept_in(self.folder / "heartbeat.toml")

    def run_until(self, done: Callable[[], bool]) -> None:
        """Passes until that is so."""
        for _ in range(50):
            if done():
                return
            self.run()
        raise AssertionError("not within fifty passes")

    def is_whole(self, dsn: str | None = None) -> None:
        """Every pass is in the store once, whole and judged, and no spool is left."""
        db = stores.connect(dsn or self.store, 5)
        try:
            assert db.rows("SELECT count(*), sum(looks) FROM heartbeat_passes") == [(self.runs, 2 * self.runs)]
            assert db.rows("SELECT count(*) FROM heartbeat_passes WHERE detected IS NULL") == [(0,)]
            found = db.rows("SELECT pass, component, count(*) FROM heartbeat_logs GROUP BY 1, 2")
            assert len(found) == 2 * self.runs and {row[2] for row in found} == {1}
            assert db.rows("SELECT count(*) FROM heartbeat_outbox WHERE state <> 'sent'") == [(0,)]
            assert db.rows("SELECT count(*) FROM heartbeat_degraded WHERE ended IS NULL") == [(0,)]
        finally:
            db.close()
        assert self.spools() == []
