"""Whose are the files that heartbeat reads, runs and keeps? What another user owns or may write is refused where it is
used; here `heartbeat doctor` says of each what is wrong and the command that mends it."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from heartbeat_cli.config import places
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.finding import Finding
from heartbeat_cli.store.sql.sqlite_file import SIDES
from heartbeat_cli.system import trusted

_MOST = 500  # files of a folder that are checked


def state(config: Config) -> Iterator[Finding]:
    """The state folder and the files in it, those of a SQLite store included."""
    folder = places.store_folder(config)
    found = list(_judged("state", [folder]))
    yield from found
    if not found:
        files = [one for place in (config.state_dir, places.config_folder(config), folder) for one in _files(place)]
        if config.store.startswith("sqlite:///"):
            files += [Path(places.store_address(config.store) + side) for side in SIDES]
        mine = dict.fromkeys(files)
        yield from _judged("state", mine)
        yield from _closed(mine)


def texts(config: Config) -> Iterator[Finding]:
    """The user's own templates and scripts."""
    for topic, named in (("templates", config.heartbeat.templates), ("scripts", config.recovery.scripts)):
        if named is None:
            continue
        folder = Path(named).expanduser()
        found = list(_judged(topic, [folder]))
        yield from found or _judged(topic, _files(folder))


def _judged(topic: str, paths: Iterable[Path]) -> Iterator[Finding]:
    for path in paths:
        try:
            trusted.check(path)
        except trusted.Untrusted as error:
            yield Finding(topic, "bad", error.why, error.mend)
        except FileNotFoundError:
            continue  # not made yet, or whoever wants it says that it is missing
        except OSError as error:
            yield Finding(topic, "bad", f"{path}: {(error.strerror or str(error)).lower()}")


def _closed(paths: Iterable[Path]) -> Iterator[Finding]:
    """Files of root's that another user's heartbeat cannot use: a run as root has left them."""
    for path in paths:
        with suppress(OSError):
            if os.lstat(path).st_uid != os.geteuid() and not os.access(path, os.R_OK | os.W_OK):
                error = trusted.left_by_root(str(path))
                yield Finding("state", "bad", error.why, error.mend)


def _files(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(one.path) for one in islice(entries, _MOST) if not one.is_dir(follow_symlinks=False))
    except OSError:
        return []
