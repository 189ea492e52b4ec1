"""`heartbeat replay`: the incidents that other thresholds would have made."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from heartbeat_cli.commands._app import App, format_option, pass_app, print_json, show
from heartbeat_cli.domain.plain import one_line, system_words
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import UsageError

_LATEST = 4_102_444_800.0  # the year 2100
_BEFORE = 86_400.0  # seconds of history before a day, and what began on it, that its first judgements rest on
_NAMED = 20  # wrong lines that are named
_KEYS = ("fail_threshold", "fail_window", "recovery_threshold", "quorum")


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
    """Show which incidents other thresholds would have made.

    The history runs through detection with changed settings. Nothing is stored, sent or restarted. Settings that can be
    changed: fail_threshold, fail_window, recovery_threshold, quorum. Timestamps in a file are seconds since the epoch,
    or ISO 8601 with a zone.

    \b
    Example:
      heartbeat replay --date 2026-11-22 --set fail_threshold=5 --set db.fail_threshold=2
    """
    from heartbeat_cli.domain.detection.replay import replay

    if day and path:
        raise UsageError(Text("--date goes without --from-file"))
    components, within = _changed(app, changes), app.config.heartbeat.reopen_within
    if path:
        with _from_file(path) as (history, ids):
            _show(app, replay(history, _with_unconfigured(components, ids), within), [], form)
        return
    span, history, were = _from_store(app, day or "yesterday", components)
    imagined = [one for one in replay(history, components, within) if _overlaps(one, span)]
    if app.locale != "en":
        from heartbeat_cli.store.sql import sentences

        with app.history_to_read() as db:
            imagined = sentences.known(db, imagined, app.locale)
    _show(app, imagined, were, form)


def _changed(app: App, changes: Iterable[str]) -> dict[str, Any]:
    """The configured components with the changed settings."""
    components = dict(app.config.components)
    for change in changes:
        target, key, number = _change(change)
        changed: dict[str, Any] = {key: number}
        for id_ in app.components([target]) if target else components:
            one = components[id_]
            components[id_] = one._replace(common=one.common._replace(**changed))
    for id_, one in components.items():
        window, threshold = one.common.fail_window, one.common.fail_threshold
        if window is not None and window < threshold:
            text = Text("fail_window {window} is below fail_threshold {threshold}", window=window, threshold=threshold)
            raise UsageError(Text("--set: {id}: {text}, so that nothing could ever be a fault", id=id_, text=text))
    return components


def _change(change: str) -> tuple[str, str, int]:
    """What `--set` names: the components ("" is all), the setting, its value. Raises UsageError."""
    from heartbeat_cli.config.components import COMMON_LIMITS
    from heartbeat_cli.config.problems import format_value, suggestion

    name, _, value = change.partition("=")
    target, _, key = name.rpartition(".")
    wrong = f"--set {change}"
    if key not in _KEYS:
        near = suggestion(key, _KEYS)
        raise UsageError(Text("{where}: unknown setting {key}{nearest}", where=wrong, key=repr(key), nearest=near))
    try:
        number = int(value)
    except ValueError:
        shown = format_value(value)
        raise UsageError(Text("{where}: expected a whole number, got {value}", where=wrong, value=shown)) from None
    low, high = COMMON_LIMITS[key]
    if not low <= number <= high:
        raise UsageError(
            Text(
                "{where}: expected {low:,} to {high:,}, got {number:,}", where=wrong, low=low, high=high, number=number
            )
        )
    return target, key, number


def _from_store(app: App, day: str, components: dict[str, Any]) -> tuple[Any, Iterable[Any], list[Any]]:
    """The day, the heartbeats that decide about it in the order of the checks, and the incidents that overlap it.

    An incident that overlaps the day may have begun before and ended after it.
    """
    from heartbeat_cli.commands.report import one_day
    from heartbeat_cli.passes.report.report import period
    from heartbeat_cli.store.history import summary
    from heartbeat_cli.store.sql import sentences
    from heartbeat_cli.store.state import states

    local = one_day(app, day, "--date")
    span = period(local, local, app.config.timezone)
    with app.history_to_read() as db:
        were = states.incidents_between(db, span.start, span.end)
        begun = min([span.start, *(one.started for one in were)]) - _BEFORE
        over = max([span.end, *(one.ended + 1 for one in were if one.ended is not None)])
        rows = summary.history(db, begun, over)
        were = sentences.known(db, were, app.locale)
    return span, _observations(rows, components), were


def _observations(rows: Iterable[Any], components: dict[str, Any]) -> Iterator[Any]:
    """The heartbeats as detection takes them: of components that several hosts check, the result of their votes."""
    from heartbeat_cli.domain.detection.quorum import Council, Vote
    from heartbeat_cli.store.quorum import peers

    councils = {id_: Council(peers.quorum_of(one), peers.reaches(one)) for id_, one in components.items()}
    for id_, at, status, _, error, observer in rows:
        if id_ in councils and (seen := councils[id_].hear(Vote(observer, at, status, error))) is not None:
            yield id_, seen


def _overlaps(one: Any, span: Any) -> bool:
    return bool(one.started < span.end and (one.ended is None or one.ended > span.start))


@contextmanager
def _from_file(path: str) -> Iterator[tuple[Iterable[Any], set[str]]]:
    """The heartbeats of a file in the order of time, and their components. The file is read once to check every line,
    and once for the replay; only a file that is not in order has to fit into memory."""
    import shutil
    import tempfile

    try:
        with open(path, "rb") as given, tempfile.TemporaryFile() as copy:
            lines = given
            if not given.seekable():
                shutil.copyfileobj(given, copy)
                lines = copy  # type: ignore[assignment]
            ids, in_order = _examined(lines, path)
            history = _read(lines)
            yield (history if in_order else sorted(history, key=lambda one: one[1].at)), ids
    except OSError as error:
        raise UsageError(
            Text("{path}: cannot be read: {why}", path=path, why=system_words(str(error.strerror)))
        ) from None


def _read(lines: Any) -> Iterator[Any]:
    lines.seek(0)
    return (_parsed(line) for line in lines if line.strip())


def _examined(lines: Any, path: str) -> tuple[set[str], bool]:
    """The components of the heartbeats, and whether they are in the order of time."""
    problems: list[str] = []
    ids, before, in_order = set(), 0.0, True
    lines.seek(0)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            id_, seen = _parsed(line)
        except (ValueError, TypeError, KeyError) as error:
            problems.append(f"{path}:{number}: {_reason(error)}")
            if len(problems) == _NAMED:
                break
            continue
        ids.add(id_)
        in_order = in_order and seen.at >= before
        before = seen.at
    if problems:
        raise UsageError("\n".join(problems))
    return ids, in_order


def _parsed(line: bytes) -> Any:
    from heartbeat_cli.domain import foreign_json
    from heartbeat_cli.domain.checking.result import STATUSES
    from heartbeat_cli.domain.detection.fault_detection import Observation

    row = foreign_json.parse(line.decode("utf-8-sig"))
    if not isinstance(row, dict):
        raise ValueError(Text("is not an object with component, timestamp, status"))
    at = _moment(row["timestamp"])
    if row["status"] not in STATUSES:
        raise ValueError(
            Text(
                "unknown status {status}; known: {names}",
                status=one_line(repr(row["status"]), 60),
                names=", ".join(STATUSES),
            )
        )
    response, error = row.get("response_time"), row.get("error")
    if isinstance(response, bool) or not isinstance(response, int | float | None) or not _finite(response):
        raise ValueError(Text("response_time {value} is no number of seconds", value=one_line(repr(response), 60)))
    seen = Observation(at, row["status"], None if error is None else one_line(str(error)))
    return one_line(str(row["component"])), seen


def _finite(number: float | None) -> bool:
    try:
        return number is None or math.isfinite(number)
    except OverflowError:
        return False


def _moment(stamp: Any) -> float:
    """A timestamp as JSON has it: seconds since the epoch, or ISO 8601 with its zone."""
    shown = one_line(repr(stamp), 60)
    if isinstance(stamp, int | float) and not isinstance(stamp, bool):
        at = float(stamp) if _finite(stamp) else math.inf
    else:
        moment = datetime.fromisoformat(str(stamp))
        if moment.tzinfo is None:
            raise ValueError(Text("timestamp {shown} has no time zone (as in 2026-11-22T10:00:00+00:00)", shown=shown))
        at = moment.timestamp()
    if not 0 <= at < _LATEST:
        raise ValueError(Text("timestamp {shown} is out of reach", shown=shown))
    return at


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return Text("{key} is missing; a line has component, timestamp, status", key=error.args[0])
    if isinstance(error, UnicodeDecodeError):
        return Text("is not UTF-8 text")
    return one_line(str(error))


def _with_unconfigured(components: dict[str, Any], ids: set[str]) -> dict[str, Any]:
    """The configured components, and with default thresholds those of the history that are not configured."""
    from heartbeat_cli.domain.component import Component

    strangers = ids - components.keys()
    return components | {id_: Component(id_, "push", None) for id_ in sorted(strangers)}


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
    for heading, many in ((Text("Incidents that would have been"), imagined), (Text("Incidents that were"), were)):
        show(app.words(Text("{heading}: {count}", heading=heading, count=len(many))))
        for one in many:
            lasted = Text("ongoing") if one.ended is None else duration(one.ended - one.started)
            since = local_time(one.started, app.config.timezone)
            text = Text("{component}  since {since}  {lasted}", component=one.component, since=since, lasted=lasted)
            if one.held_by:
                text = Text("{text} (held: {parent})", text=text, parent=one.held_by)
            show(f"  {app.words(text)}  {app.words(one_line(redact(one.cause)))}")


def _shown(one: Any, key: str, iso: Any) -> Any:
    from heartbeat_cli.redact import redact

    value = getattr(one, key)
    return iso(value) if key in ("started", "declared", "ended") else redact(value) if key == "cause" else value
