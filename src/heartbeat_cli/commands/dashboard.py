"""`heartbeat dashboard`: the page and the badges, asked for by a person or kept up to date by `run`."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heartbeat_cli.commands._app import App, pass_app, say
from heartbeat_cli.errors import HeartbeatError, UsageError

if TYPE_CHECKING:
    from heartbeat_cli.domain.board import Board

_OWN, _PUBLIC = 0o600, 0o644
_AGAIN = 86_400.0  # seconds until a trouble that stays is told again: cron mails every line
_SIGNED = 2_000  # bytes of a file in which the sign of a badge stands, if it is one


@click.command("dashboard")
@click.option("-o", "--output", metavar="FILE", help="Where to write it; `-` prints it.  [default: [dashboard] file]")
@click.option("--badges", metavar="DIR", help="Write badges (SVG) into this folder.  [default: [dashboard] badges]")
@pass_app
def command(app: App, output: str | None, badges: str | None) -> int:
    """Write the state of everything as one self-contained HTML page, and as badges.

    The page needs no server and asks nobody for anything: open it as a file, or let any web server hand it out. It
    reloads itself, and says loudly when it is no longer being written. `heartbeat run` keeps it up to date when
    `[dashboard] file` is set, and the badges when `badges` is. Only you can read what is written, unless
    `[dashboard] public = true` lets a web server. Your own `dashboard.html.j2`, `dashboard.css` or `dashboard.js` in
    the folder `[heartbeat] templates` names takes the place of the one that came with heartbeat.

    \b
    Example:
      heartbeat dashboard -o /var/www/html/heartbeat.html
    """
    own = app.config.dashboard
    target, folder = (output, badges) if output or badges else (own.file, own.badges)
    if target is None and folder is None:
        raise UsageError("nowhere to write to: give -o FILE or --badges DIR, or set file or badges in [dashboard]")
    now = app.now()
    with app.store() as db:
        board = gathered(app, db, now)
    if target == "-":
        click.echo(_page(app, board, now), nl=False)
    elif target is not None:
        _write(target, _page(app, board, now), now, _mode(app))
        say(f"{target}: written")
    if folder is not None:
        say(f"{folder}: {_write_badges(app, folder, board, now)} badges written")
    return 0


def refresh(app: App, db: Any, now: float) -> None:
    """Write the configured page and badges when something has changed or their interval is over; what cannot be written
    is told on standard error, once a day, and never fails the pass."""
    own = app.config.dashboard
    if own.file is None and own.badges is None:
        return
    told = app.config.state_dir / "dashboard.trouble"
    try:
        if _due(own, db, now):
            board = gathered(app, db, now)
            if own.badges is not None:
                _write_badges(app, own.badges, board, now)
            if own.file is not None:
                _write(own.file, _page(app, board, now), now, _mode(app))
            told.unlink(missing_ok=True)
    except HeartbeatError as error:
        _complain(told, str(error), now)


def gathered(app: App, db: Any, now: float) -> "Board":
    """What the page and the badges are made of, as it is at `now`."""
    from zoneinfo import ZoneInfo

    from heartbeat_cli.store import board

    config = app.config
    return board.read(db, config, ZoneInfo(config.timezone), now)


def _page(app: App, board: "Board", now: float) -> str:
    from heartbeat_cli.views import dashboard

    return dashboard.page(board, app.config, now)


def _due(own: Any, db: Any, now: float) -> bool:
    from heartbeat_cli.store import board

    # The page is written last: while it is young, so are the badges.
    target = Path(own.file).expanduser() if own.file is not None else Path(own.badges).expanduser() / "_all.svg"
    try:
        written = os.stat(target).st_mtime
    except OSError:
        return True
    # A page from the future was written before the clock was set back: nobody knows how old it is.
    return not written <= now < written + own.interval or board.changed(db, written)


def _mode(app: App) -> int:
    return _PUBLIC if app.config.dashboard.public else _OWN


def _write_badges(app: App, folder: str, board: "Board", now: float) -> int:
    """Write every badge; those of components that are gone go, too. Returns how many there are."""
    from heartbeat_cli.views import badges

    made = badges.pictures(board, app.config, now)
    path = Path(folder).expanduser()
    try:
        path.mkdir(0o755 if app.config.dashboard.public else 0o700, exist_ok=True)
        old = [one for one in path.glob("*.svg") if one.name not in made]
    except OSError as error:
        raise HeartbeatError(f"{folder}: cannot be written: {error.strerror}") from error
    for name, text in sorted(made.items(), reverse=True):  # the one for all last: it says that all are written
        _write(str(path / name), text, now, _mode(app))
    _remove(old, badges.SIGN)
    return len(made)


def _remove(paths: Iterable[Path], sign: str) -> None:
    """Remove what bears our sign: what a component that is gone once was must not be shown for ever."""
    for path in paths:
        with suppress(OSError), path.open("rb") as file:
            if sign.encode() in file.read(_SIGNED):
                path.unlink()


def _write(target: str, text: str, now: float, mode: int) -> None:
    from heartbeat_cli.files import write_whole

    path = Path(target).expanduser()
    try:
        write_whole(path, text, mode)
        os.utime(path, (now, now))
    except OSError as error:
        raise HeartbeatError(f"{target}: cannot be written: {error.strerror}") from error


def _complain(told: Path, text: str, now: float) -> None:
    """Say it, unless the same was said within the last day."""
    try:
        if told.read_text(encoding="utf-8") == text and 0 <= now - told.stat().st_mtime < _AGAIN:
            return
    except (OSError, UnicodeDecodeError):
        pass  # nothing was told yet
    say(f"heartbeat: dashboard: {text}")
    try:
        told.write_text(text, encoding="utf-8")
        os.utime(told, (now, now))
    except OSError:
        return  # then it is said every time, which is better than never
