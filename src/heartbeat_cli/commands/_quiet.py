"""What `silence` and `maintenance` share: begin, list, end."""

import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from heartbeat_cli.commands._app import App, print_json, requester, show
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import UsageError

if TYPE_CHECKING:
    from heartbeat_cli.store.sql.database import Database
    from heartbeat_cli.store.state.silences import Silence

_YEAR = 525_600.0  # minutes
NO_REASON = Text("no reason given")
_REASON = 200  # characters


def minutes_option() -> Callable[[Any], Any]:
    """`--for MINUTES`."""
    most = click.FloatRange(min=0, max=_YEAR, min_open=True)
    text = "How long, in minutes."
    return click.option("--for", "minutes", type=most, metavar="MINUTES", default=60.0, show_default=True, help=text)


def run_command(
    app: App, kind: str, target: str | None, minutes: float, reason: str, ends: str | None, *, by: str, form: str
) -> None:
    """Begin (`target`), end (`ends`) or list (neither) the silences of a kind."""
    from heartbeat_cli.passes.alerting import answers
    from heartbeat_cli.store.state import silences

    if target is not None and ends is not None:
        raise UsageError(
            Text(
                "--end {ends} goes without {target}: it names the {kind} to end",
                ends=ends,
                target=repr(target),
                kind=kind,
            )
        )
    if math.isnan(minutes):
        raise UsageError(Text("--for: nan is no number of minutes"))
    now = app.now()
    is_listed = target is None and ends is None
    with app.store_to_read() if is_listed else app.store_to_write_at_once() as db:
        if ends is not None:
            _end(app, db, kind, ends, now, form)
            return
        if target is not None:
            _require_known_target(app, db, target)
            made = silences.Silence(_id(), target, kind, now, now + minutes * 60, _clean(reason), requester(by))
            with db.transaction():
                answers.silence(db, app.config, made, now)
        shown = [one for one in silences.active(db, now) if one.kind == kind]
    if kind == "maintenance":
        shown += silences.planned(app.config, now)
    if form == "json":
        from heartbeat_cli.views.rows import silence_row

        print_json([silence_row(one, app.secrets) for one in shown])
        return
    _show_all(app, kind, shown, now)


def _show_all(app: App, kind: str, shown: "list[Silence]", now: float) -> None:
    from heartbeat_cli.views.wording import local_time

    for one in shown:
        until = local_time(one.ends, app.config.timezone)
        span = Text("until {until}", until=until)
        if one.starts > now:
            span = Text("from {since} until {until}", since=local_time(one.starts, app.config.timezone), until=until)
        show(f"{one.id}  {one.target}  {app.words(span)}  {app.words(_clean(one.reason))} ({_clean(one.created_by)})")
    if not shown:
        app.remark(_none_in_force(kind))


def _none_in_force(kind: str) -> Text:
    return Text("no silence in force") if kind == "silence" else Text("no maintenance in force")


def _require_known_target(app: App, db: "Database", target: str) -> None:
    """Raise UsageError unless the target is a component, or a host of the store, whose silence people are notified of,
    too."""
    from heartbeat_cli.config.problems import suggestion
    from heartbeat_cli.domain.component import goes_to, matching
    from heartbeat_cli.store.history import gaps

    if not matching([target], app.config.components)[1]:
        return
    observers = gaps.watches(db)
    if not any(goes_to(target, one) for one in observers):
        known = suggestion(target, dict.fromkeys([*app.config.components, *observers]))
        raise UsageError(Text("no component or observer {target}{known}", target=repr(target), known=known))


def _end(app: App, db: "Database", kind: str, id_: str, now: float, form: str) -> None:
    from heartbeat_cli.store.state import silences

    if kind == "maintenance" and id_ in app.config.maintenance:
        raise UsageError(
            Text("{id} is planned in {source}: change [maintenance.{id}] there", id=id_, source=app.config.source)
        )
    known = {one.id for one in silences.active(db, now) if one.kind == kind}
    if id_ not in known or not silences.end(db, id_, now):
        raise UsageError(Text("no {kind} {id} in force; `heartbeat {kind}` lists them", kind=kind, id=repr(id_)))
    if form == "json":
        print_json({"ended": id_})
        return
    show(app.words(Text("silence {id} ended", id=id_) if kind == "silence" else Text("maintenance {id} ended", id=id_)))


def _clean(reason: str) -> str:
    from heartbeat_cli.domain.plain import one_line

    return one_line(NO_REASON if reason == NO_REASON else reason, _REASON)


def _id() -> str:
    """Short enough to type."""
    return os.urandom(3).hex()
