"""Moves local files of this configuration to its folder: an earlier version kept them in the state folder itself, and
a configuration file that was moved left its folder behind. Called under the lock.

What is not known to belong to this configuration stays where it is.
"""

import os
from contextlib import suppress
from pathlib import Path

from heartbeat_cli.config import places
from heartbeat_cli.config.types import Config
from heartbeat_cli.errors import HeartbeatError, StoreError
from heartbeat_cli.store.sql import schema, tables
from heartbeat_cli.store.sql.database import SQLite
from heartbeat_cli.store.standby import mirror, spool
from heartbeat_cli.system import lock, trusted
from heartbeat_cli.system.files import read_own, write_own

_CONFIG_PATH_FILE = "config"  # the file in a configuration's folder that names the configuration file


def take_over(config: Config) -> None:
    """Move what belongs to this configuration into its folder: what an earlier version left, and, where the folder for
    the store is new, that of a configuration file that is gone. Raises Busy while a run with that one goes on."""
    folder = places.store_folder(config)
    if not folder.is_dir():
        _make_folder(config, folder)
    if not (folder / spool.NAME).exists():
        _old_spool(config, folder)
    if not (folder / mirror.NAME).exists():
        _old_mirror(config, folder)


def strangers(config: Config) -> list[Path]:
    """Spools in the state folder that no run will replay: those of an earlier version that are not of this
    configuration, and those of configuration files that are gone."""
    theirs = (one for folder in _orphaned_folders(config) for one in folder.glob(f"*/{spool.NAME}"))
    return [one for one in (config.state_dir / spool.NAME, *theirs) if one.exists()]


def _make_folder(config: Config, folder: Path) -> None:
    """Make the folder for the store; where a configuration file that is gone had one for it, that is moved here with
    all that is in it. The built-in configuration takes nothing, because it may be in use only while a file is away for
    a moment."""
    with suppress(OSError):
        trusted.make_folder(folder.parent)
        if config.source != places.BUILT_IN:
            write_own(folder.parent / _CONFIG_PATH_FILE, f"{places.config_path(config)}\n")
            for other in _orphaned_folders(config):
                if (other / folder.name).is_dir():
                    _move_store_folder(other, folder)
                    break
        trusted.make_folder(folder)


def _orphaned_folders(config: Config) -> list[Path]:
    """The folders of configuration files that are not there any more."""
    found = []
    with suppress(OSError):
        for entry in os.scandir(config.state_dir):
            if entry.name == places.config_folder(config).name or not entry.is_dir(follow_symlinks=False):
                continue
            with suppress(OSError, ValueError):
                named = read_own(Path(entry.path) / _CONFIG_PATH_FILE, 8_192).decode().rstrip("\n")
                if not os.path.lexists(named):
                    found.append(Path(entry.path))
    return found


def _move_store_folder(other: Path, folder: Path) -> None:
    """Move the folder for a store from one configuration's to another's, with its spool in memory. Raises Busy while a
    run goes on that was started with the file at its old place."""
    source = other / folder.name
    try:
        with lock.only_one(other), suppress(OSError):
            before, after = spool.folders(source)[1], spool.folders(folder)[1]
            source.rename(folder)
            before.rename(after)
    except lock.Busy:
        raise
    except HeartbeatError:
        return


def _old_spool(config: Config, folder: Path) -> None:
    """The spool of an earlier version, on the disk and in memory: this configuration's when it says that it was begun
    because this store did not answer."""
    there = spool.existing(config.state_dir)
    for old, new in zip(spool.folders(config.state_dir), spool.folders(folder), strict=True):
        path = old / spool.NAME
        if path in there and path.is_file() and not path.is_symlink() and _is_for_this_store(config, path):
            with suppress(OSError):
                trusted.make_folder(new)
                path.rename(new / spool.NAME)


def _is_for_this_store(config: Config, path: Path) -> bool:
    """Whether an earlier version's spool is for this store. It is checkpointed, so that its file can be moved alone."""
    try:
        db = SQLite(path, config.heartbeat.store_timeout)
    except StoreError:
        return False
    try:
        schema.migrate(db)
        begun = spool.current_outage(db)
        if begun is None or not begun.reason.startswith(f"store {places.store_address(config.store)}: "):
            return False
        return bool(db.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0)
    except StoreError:
        return False
    finally:
        db.close()


def _old_mirror(config: Config, folder: Path) -> None:
    """The mirror of an earlier version does not say which store it was copied from: it is this configuration's when it
    holds checks of this host at components that are all in this configuration."""
    old = config.state_dir / mirror.NAME
    if not old.is_file() or old.is_symlink() or mirror.head(old) is not None:
        return
    checks = mirror.read(old).get(tables.LAST_CHECKS.name, [])
    seen = {component for observer, component, *_ in checks if observer == config.observer}
    if seen and seen <= config.components.keys():
        with suppress(OSError):
            old.rename(folder / mirror.NAME)
