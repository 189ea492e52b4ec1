"""`heartbeat replay`: what would have been with other thresholds."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import click

from heartbeat_cli.commands._app import App, format_option, pass_app, print_json
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.errors import UsageError

_LATEST = 4_102_444_800.0  # the year 2100
_KEYS = ("fail_threshold", "recovery_threshold", "slow_after")


@click.command("replay")
@click.option("--date", "day", metavar="D", help="Replay the stored heartbeats of this day.  [default: yesterday]")
@click.option(
    "--from-file", "path", metavar="F", help="Replay JSON lines: component, timestamp, status, response_time."
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Changed setting, or ID.KEY=VALUE; repeatable.",
)
@format_option("table", "json")
@pass_app
def command(app: App, day: str | None, path: str | None, changes: tuple[str, ...], form: str) -> None:
    """Run history through detection with changed settings and print the incidents that would have been.

    Nothing is stored, told or restarted. Settings that can be changed: fail_threshold, recovery_threshold, slow_after.

    \b
    Example:
      heartbeat replay --date 2026-11-22 --set fail_threshold=5 --set db.fail_threshold=2
    """
    from heartbeat_cli.domain.replay import replay

    if day and path:
        raise UsageError("--date goes without --from-file")
    components = _changed(app, changes)
    if path:
        history = _from_file(path, components)
        were: list[Any] = []
        components = _with_strangers(components, history)
    else:
        history, were = _from_store(app, day or "yesterday")
    imagined = replay(((id_, seen) for id_, seen, _ in _regraded(history, components)), components)
    _show(app, imagined, were, form)


def _changed(app: App, changes: Iterable[str]) -> dict[str, Any]:
    """The configured components with the changed settings."""
    from heartbeat_cli.settings import nearest

    components = dict(app.config.components)
    for change in changes:
        name, _, value = change.partition("=")
        target, _, key = name.rpartition(".")
        if key not in _KEYS:
            raise UsageError(f"--set {change}: unknown setting {key!r}{nearest(key, _KEYS)}")
        try:
            number = float(value) if key == "slow_after" else int(value)
        except ValueError:
            raise UsageError(f"--set {change}: expected a number, got {value!r}") from None
        if number <= 0:
            raise UsageError(f"--set {change}: expected more than 0")
        for id_ in app.components([target]) if target else components:
            one = components[id_]
            components[id_] = one._replace(common=one.common._replace(**{key: number}))
    return components


def _from_store(app: App, day: str) -> tuple[list[Any], list[Any]]:
    from heartbeat_cli.commands.report import one_day
    from heartbeat_cli.domain.fault_detection import Observation
    from heartbeat_cli.passes.report import period
    from heartbeat_cli.store import states, summary

    local = one_day(app, day, "--date")
    span = period(local, local, app.config.timezone)
    with app.store() as db:
        rows = summary.history(db, span.start, span.end)
        were = states.incidents_between(db, span.start, span.end)
    return [(id_, Observation(at, status, error), response) for id_, at, status, response, error in rows], were


def _from_file(path: str, components: dict[str, Any]) -> list[Any]:
    problems: list[str] = []
    found = []
    try:
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        found.append(_parsed(line))
                    except (ValueError, TypeError, KeyError, RecursionError) as error:
                        problems.append(f"{path}:{number}: {_reason(error)}")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None
    if problems:
        raise UsageError("\n".join(problems[:20]))
    return found


def _parsed(line: str) -> Any:
    from heartbeat_cli.domain.fault_detection import Observation
    from heartbeat_cli.domain.result import STATUSES

    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError("is not an object with component, timestamp, status")
    at = _moment(row["timestamp"])
    if row["status"] not in STATUSES:
        raise ValueError(f"unknown status {row['status']!r}; known: {', '.join(STATUSES)}")
    response, error = row.get("response_time"), row.get("error")
    if isinstance(response, bool) or not isinstance(response, int | float | None):
        raise ValueError(f"response_time {response!r} is no number of seconds")
    seen = Observation(at, row["status"], None if error is None else one_line(str(error)))
    return one_line(str(row["component"])), seen, response


def _moment(stamp: Any) -> float:
    """A timestamp as JSON has it: seconds since the epoch, or ISO 8601 with its zone."""
    if isinstance(stamp, int | float) and not isinstance(stamp, bool):
        at = float(stamp)
    else:
        moment = datetime.fromisoformat(str(stamp))
        if moment.tzinfo is None:
            raise ValueError(f"timestamp {stamp!r} has no time zone (as in 2026-11-22T10:00:00+00:00)")
        at = moment.timestamp()
    if not 0 <= at < _LATEST:
        raise ValueError(f"timestamp {stamp!r} is out of reach")
    return at


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing; a line has component, timestamp, status"
    if isinstance(error, json.JSONDecodeError):
        return f"is not JSON: {error.msg}"
    return "is nested too deeply" if isinstance(error, RecursionError) else one_line(str(error))


def _with_strangers(components: dict[str, Any], history: Iterable[Any]) -> dict[str, Any]:
    """Components of a given history need not be configured: those get the default thresholds."""
    from heartbeat_cli.domain.component import Component

    strangers = {id_ for id_, _, _ in history} - components.keys()
    return components | {id_: Component(id_, "push", None) for id_ in sorted(strangers)}


def _regraded(history: Iterable[Any], components: dict[str, Any]) -> Iterable[Any]:
    """Healthy and slow looks judged by the changed `slow_after`."""
    for id_, seen, response in history:
        limit = components[id_].common.slow_after if id_ in components else None
        if seen.status == "healthy" and limit is not None and response is not None and response > limit:
            seen = seen._replace(status="degraded", error="slow: replayed")
        yield id_, seen, response


def _show(app: App, imagined: list[Any], were: list[Any], form: str) -> None:
    from heartbeat_cli.domain.plain import duration
    from heartbeat_cli.redact import redact
    from heartbeat_cli.views.rows import iso
    from heartbeat_cli.views.wording import local_time

    if form == "json":
        keys = ("component", "started", "declared", "ended", "held_by", "cause")
        trees = [[{k: _shown(one, k, iso) for k in keys} for one in many] for many in (imagined, were)]
        print_json({"would_have_been": trees[0], "were": trees[1]})
        return
    for heading, many in (("Incidents that would have been", imagined), ("Incidents that were", were)):
        click.echo(f"{heading}: {len(many)}")
        for one in many:
            lasted = "ongoing" if one.ended is None else duration(one.ended - one.started)
            since = local_time(one.started, app.config.timezone)
            held = f" (held: {one.held_by})" if one.held_by else ""
            click.echo(f"  {one.component}  since {since}  {lasted}{held}  {one_line(redact(one.cause))}")


def _shown(one: Any, key: str, iso: Any) -> Any:
    from heartbeat_cli.redact import redact

    value = getattr(one, key)
    return iso(value) if key in ("started", "declared", "ended") else redact(value) if key == "cause" else value
