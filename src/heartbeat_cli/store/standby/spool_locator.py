"""Finds where a spool goes, and what it starts with, when the store does not answer."""

from pathlib import Path

from heartbeat_cli.config import places as local_files
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.coverage import Degraded
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import mirror, spool, spool_files


def places(folder: Path, in_use: str | None) -> list[Path]:
    """Where to go on: with the newest spool in `folder`, unless that is `in_use` and has just failed, else in the next
    place."""
    there = spool.existing(folder)
    all_ = [one / spool.NAME for one in spool.folders(folder)]
    start = all_.index(there[-1]) if there else 0
    return [path for path in all_[start:] if str(path) != in_use]


def earlier_outage(folder: Path, path: Path, timeout: float) -> Degraded | None:
    """The outage that an earlier spool has, when the one at `path` replaces it; None where there is none."""
    earlier = [one for one in spool.existing(folder) if one != path]
    return next((found for one in earlier if (found := spool_files.query(one, timeout, spool.current_outage))), None)


def seed(config: Config, path: Path, now: float) -> mirror.Snapshot:
    """What the spool at `path` starts with: the content of an earlier spool, or of a SQLite store that can still be
    read but not written, or the mirror."""
    folder, timeout = local_files.store_folder(config), config.heartbeat.store_timeout

    def copy(db: Database) -> mirror.Snapshot:
        return mirror.snapshot(db, config.observer, now)

    for one in spool.existing(folder):
        if one != path and (
            found := spool_files.query(one, timeout, lambda db: copy(db) if spool.current_outage(db) else None)
        ):
            return found
    copied = folder / mirror.NAME
    if not config.store.startswith("sqlite:///"):
        return mirror.read(copied)
    return spool_files.query(Path(local_files.store_address(config.store)), timeout, copy) or mirror.read(copied)
