"""Writes the page and the badges: for `heartbeat dashboard`, and for `run`, which does without click."""

import os
from collections.abc import Collection
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from heartbeat_cli.commands._base import App
from heartbeat_cli.domain.plain import system_words
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import HeartbeatError
from heartbeat_cli.system import shared_folder, trusted

if TYPE_CHECKING:
    from heartbeat_cli.domain.reporting.board import Board
    from heartbeat_cli.store.sql.database import Database

_OWN, PUBLIC = 0o600, 0o644
_SIGNED = 2_000  # bytes of a file in which the mark of a badge stands, if it is one
_MAX_FILES = 20_000  # of the badges' folder: it may be another user's, who has filled it


def refresh(app: App, db: "Database", now: float) -> None:
    """Write the configured page and badges when something has changed or their interval is over. What cannot be written
    is said on standard error once a day, and never fails the pass."""
    own = app.config.dashboard
    if own.file is None and own.badges is None:
        return
    from heartbeat_cli.config import places
    from heartbeat_cli.system import once

    reported = places.config_folder(app.config) / "dashboard.trouble"
    try:
        # The page is written last: while it is young, so are the badges.
        target = Path(own.file or f"{own.badges}/_all.svg").expanduser()
        if is_due(target, own.interval, db, now):
            board = read_board(app, db, now)
            if own.badges is not None:
                write_badges(app, own.badges, board, now)
            if own.file is not None:
                write(app, own.file, render_page(app, board, now), now)
            with suppress(OSError):
                once.is_over(reported)
    except HeartbeatError as error:
        if once.is_news(reported, str(error), now):
            app.remark(Text("heartbeat: dashboard: {error}", error=str(error)))


def read_board(app: App, db: "Database", now: float) -> "Board":
    """What the page and the badges show, as it is at `now` (epoch seconds)."""
    from zoneinfo import ZoneInfo

    from heartbeat_cli.store.board import board
    from heartbeat_cli.store.sql import sentences

    config = app.config
    return sentences.known(db, board.read(db, config, ZoneInfo(config.timezone), now), config.heartbeat.locale)


def render_page(app: App, board: "Board", now: float) -> str:
    """The page."""
    from heartbeat_cli.views import dashboard

    return dashboard.page(board, app.config, now)


def is_due(target: Path, interval: float, db: "Database", now: float) -> bool:
    """Whether the file has to be written: it is missing, something has changed since, or the interval is over."""
    from heartbeat_cli.store.board import changes

    try:
        written = os.stat(target, follow_symlinks=False).st_mtime  # a link is replaced, whatever it leads to
    except OSError:
        return True
    # A page from the future was written before the clock was set back: its age is not known.
    return not written <= now < written + interval or changes.changed(db, written)


def write_badges(app: App, folder: str, board: "Board", now: float) -> int:
    """Write every badge, and remove those of components that are gone. Returns how many there are."""
    from heartbeat_cli.views import badges

    made = badges.pictures(board, app.config, now)
    path = Path(folder).expanduser()
    try:
        # By the descriptor of the folder above: another user's link on the way is not followed.
        with trusted.target(path) as (above, name, _), suppress(FileExistsError):
            os.mkdir(name, 0o755 if app.config.dashboard.public else 0o700, dir_fd=above)
    except OSError as error:
        raise HeartbeatError(
            Text("{folder}: cannot be written: {why}", folder=folder, why=system_words(str(error.strerror)))
        ) from error
    for name, picture in sorted(made.items(), reverse=True):  # the one for all last: it says that all are written
        write(app, str(path / name), picture, now)
    _remove_others(path, made, badges.SIGN)
    return len(made)


def _remove_others(path: Path, made: Collection[str], sign: str) -> None:
    """Remove other files that have the mark of a badge from the folder at `path`: badges of components that are gone.
    The folder is used by its descriptor, because the owner of a folder above could put another one in its place."""
    with suppress(OSError), trusted.target(path / "_all.svg") as (at, _, _):
        handle = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=at)
        try:
            with os.scandir(handle) as entries:
                names = [one.name for one in islice(entries, _MAX_FILES) if one.name.endswith(".svg")]
            for name in names:
                with suppress(OSError):
                    if name not in made and sign.encode() in shared_folder.read_ours(name, _SIGNED, handle):
                        os.unlink(name, dir_fd=handle)
        finally:
            os.close(handle)


def write(app: App, target: str, content: str, now: float, *, named: bool = False) -> None:
    """Write a whole file, for this user alone or for all; into a pipe or device only where a person has `named` it.
    Raises HeartbeatError when that cannot be done."""
    mode = PUBLIC if app.config.dashboard.public else _OWN
    write_file(Path(target), content, mode, now, target, named=named)


def write_file(path: Path, content: str, mode: int, now: float, shown: str = "", *, named: bool = False) -> None:
    """Write a whole file with this mode. Raises HeartbeatError, which calls it as `shown`, when that cannot be done."""
    from heartbeat_cli.system import files

    try:
        (files.write_named if named else files.write_whole)(path.expanduser(), content, mode, now)
    except OSError as error:
        raise HeartbeatError(
            Text("{target}: cannot be written: {why}", target=shown or str(path), why=system_words(str(error.strerror)))
        ) from error
