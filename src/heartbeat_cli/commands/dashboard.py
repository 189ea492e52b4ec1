"""`heartbeat dashboard`: the page, asked for by a person or kept up to date by `run`."""

import os
from pathlib import Path
from typing import Any

import click

from heartbeat_cli.commands._app import App, pass_app, say
from heartbeat_cli.errors import HeartbeatError, UsageError

_MODE = 0o644  # the page is meant to be read, by a web server too
_AGAIN = 86_400.0  # seconds until a trouble that stays is told again: cron mails every line


@click.command("dashboard")
@click.option("-o", "--output", metavar="FILE", help="Where to write it; `-` prints it.  [default: [dashboard] file]")
@pass_app
def command(app: App, output: str | None) -> int:
    """Write the state of everything as one self-contained HTML page.

    The page needs no server and asks nobody for anything: open it as a file, or let any web server hand it out. It
    reloads itself, and says loudly when it is no longer being written. `heartbeat run` keeps it up to date when
    `[dashboard] file` is set. Your own `dashboard.html.j2`, `dashboard.css` or `dashboard.js` in the folder
    `[heartbeat] templates` names takes the place of the one that came with heartbeat.

    \b
    Example:
      heartbeat dashboard -o /var/www/html/heartbeat.html
    """
    target = output or app.config.dashboard.file
    if target is None:
        raise UsageError("no file to write to: give -o FILE, or set file in [dashboard]")
    now = app.now()
    with app.store() as db:
        text = rendered(app, db, now)
    if target == "-":
        click.echo(text, nl=False)
    else:
        _write(target, text, now)
        say(f"{target}: written")
    return 0


def refresh(app: App, db: Any, now: float) -> None:
    """Write the configured page when something has changed or its interval is over; a page that cannot be written is
    told on standard error, once a day, and never fails the pass."""
    target = app.config.dashboard.file
    if target is None:
        return
    told = app.config.state_dir / "dashboard.trouble"
    try:
        if _due(target, db, app.config.dashboard.interval, now):
            _write(target, rendered(app, db, now), now)
            told.unlink(missing_ok=True)
    except HeartbeatError as error:
        _complain(told, str(error), now)


def rendered(app: App, db: Any, now: float) -> str:
    """The page as it is at `now`."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from heartbeat_cli.domain.board import day_slots
    from heartbeat_cli.store import board
    from heartbeat_cli.views import dashboard

    config = app.config
    offset = datetime.fromtimestamp(now, ZoneInfo(config.timezone)).utcoffset()
    slots = day_slots(now, offset.total_seconds() if offset else 0.0)
    return dashboard.page(board.read(db, config, slots, now), config, now)


def _due(target: str, db: Any, interval: float, now: float) -> bool:
    from heartbeat_cli.store import board

    try:
        written = os.stat(Path(target).expanduser()).st_mtime
    except OSError:
        return True
    # A page from the future was written before the clock was set back: nobody knows how old it is.
    return not written <= now < written + interval or board.changed(db, written)


def _write(target: str, text: str, now: float) -> None:
    from heartbeat_cli.files import write_whole

    path = Path(target).expanduser()
    try:
        write_whole(path, text, _MODE)
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
