"""The two bars of a component on the dashboard: its last 24 hours and its last days, a cell each.

A cell's colour comes from what was found out, never from what nobody looked at: the part of its time that is not known
covers it from the top, and a cell of which nothing is known is a grey dot on the ground.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.reporting.board import Board, Known, Seen
from heartbeat_cli.views import charts
from heartbeat_cli.views.voice import Voice

LEVELS = ("ok", "warn", "bad", "dim", "gap", "none")
_BLIP = 0.1  # share of an hour's looks below which trouble is a blip
_BLIP_DAY = 0.01  # share of a day's time
_WATCHED = 0.9  # share of a cell's time that may be unknown and nothing is said of it: a pass is never quite on time
_MARKS = 24  # cells of a bar that say more when they are pointed at


class Bar(Record):
    """A bar as the page draws it: path data by level, cells with something to say as (path, text), the share of the
    known time that was good, the same for a screen reader, and what the share is of."""

    width: int
    paths: dict[str, str]
    marks: list[tuple[str, str]]
    share: str
    label: str
    whole: Known


def day(board: Board, component: str, voice: Voice) -> Bar:
    """The last 24 hours: what the looks of each hour found."""
    seen, hours = board.seen.get(component, {}), board.hours.get(component, ())
    per_cell = round(3600 / board.slots.step)
    looks = [_merged(seen, n * per_cell, per_cell) for n in range(len(hours))]
    levels = [_hour_level(one, known) for one, known in zip(looks, hours, strict=True)]

    def text(number: int) -> str:
        one, at = looks[number], voice.moment(board.slots.start + number * 3600).shown
        return voice.word("hour", at=at, failed=one.failed, degraded=one.degraded, looks=one.judged)

    return _bar(levels, hours, "day_label", text, voice)


def days(board: Board, component: str, voice: Voice) -> Bar:
    """The last days, by how much of each it was up."""
    return of_days(board.days.get(component, ()), board.midnights, voice)


def of_days(known: Sequence[Known], midnights: Sequence[float], voice: Voice) -> Bar:
    """The bar of the days that begin at `midnights`."""
    levels = [_day_level(one) for one in known]

    def text(number: int) -> str:
        one, at = known[number], voice.day(midnights[number])
        return voice.word("one_day", at=at, share=voice.percent(one.share), down=voice.span(one.down))

    return _bar(levels, known, "days_label", text, voice)


def _bar(levels: Sequence[str], known: Sequence[Known], label: str, text: Callable[[int], str], voice: Voice) -> Bar:
    width, paths = charts.bar(levels, [1.0 if one.coverage >= _WATCHED else one.coverage for one in known])
    telling = [n for n, name in enumerate(levels) if name in ("bad", "warn")][-_MARKS:]
    marks = [(charts.spot(n), text(n)) for n in telling]
    whole = Known()
    for one in known:
        whole = whole.plus(one)
    share, bad, warn = voice.percent(whole.share), levels.count("bad"), levels.count("warn")
    said = voice.word(label, share=share, watched=voice.percent(whole.coverage), bad=bad, warn=warn, cells=len(known))
    return Bar(width, paths, marks, share, said, whole)


def _merged(seen: Mapping[int, Seen], first: int, count: int) -> Seen:
    merged = Seen()
    for slot in range(first, first + count):
        if slot in seen:
            merged = merged.plus(seen[slot])
    return merged


def _hour_level(hour: Seen, known: Known) -> str:
    if not hour.judged:
        if hour.unknown:
            return "dim"  # it was looked at, in vain: what an earlier look still says of this hour does not count
        return _day_level(known)
    if hour.failed / hour.judged >= _BLIP:
        return "bad"
    return "warn" if hour.failed or hour.degraded / hour.judged >= _BLIP else "ok"


def _day_level(known: Known) -> str:
    if known.share is None:
        return "none"
    down = 1 - known.share
    return "bad" if down >= _BLIP_DAY else "warn" if down else "ok"


def legend() -> dict[str, dict[str, Any]]:
    """A cell of each level, to explain them."""
    found: dict[str, dict[str, Any]] = {level: {level: charts.cell(0, level)} for level in LEVELS if level != "gap"}
    return found | {"gap": charts.bar(["ok"], [0.4])[1]}
