"""What `silence` and `maintenance` share: begin, list, end."""

import getpass

import click

from heartbeat_cli.commands._app import App, say
from heartbeat_cli.errors import UsageError


def steer(app: App, kind: str, target: str | None, minutes: float, reason: str, ends: str | None) -> None:
    """Begin (`target`), end (`ends`) or list (neither) the quiet times of a kind."""
    from heartbeat_cli.store import silences
    from heartbeat_cli.views.wording import local_time

    now = app.now()
    with app.store() as db:
        if ends is not None:
            if not silences.end(db, ends, now):
                raise UsageError(f"no {kind} {ends!r} in force; `heartbeat {kind}` lists them")
            click.echo(f"{kind} {ends} ended")
            return
        if target is not None:
            app.components([target])
            one = silences.Silence(_id(now), target, kind, now, now + minutes * 60, reason, getpass.getuser())
            silences.add(db, one)
        shown = [one for one in silences.active(db, now) if one.kind == kind]
    for one in shown:
        until = local_time(one.ends, app.config.timezone)
        click.echo(f"{one.id}  {one.target}  until {until}  {one.reason} ({one.created_by})")
    if not shown:
        say(f"no {kind} in force")


def _id(now: float) -> str:
    """Short enough to type, in order of making."""
    return f"{round(now * 100) % 36**6:06x}"
