"""Small drawings as SVG path data: a bar of cells, a sparkline, an area. Geometry only; colours are the page's.

A run of equal cells is one stroke, as wide as the cells are high, dashed into cells by the page's style: what was well
for 90 days is one short path.
"""

from collections.abc import Sequence
from itertools import groupby

from heartbeat_cli.domain.record import Record

CELL, GAP, BAR_HEIGHT = 6, 2, 20
SPARK_WIDTH, SPARK_HEIGHT = 144, 28
AREA_WIDTH, AREA_HEIGHT = 288, 72

# Height says what colour says: a bad hour stands out without it, an hour without a look is only a dot on the ground.
_TOPS = {"ok": 7.0, "warn": 3.0, "bad": 0.0, "dim": 7.0, "none": 17.0}

Points = list[tuple[float, float]]


class Line(Record):
    """A curve: the path of its line, of the area under it, its last point (None: nothing to draw) and its range."""

    line: str
    area: str
    last: tuple[float, float] | None
    low: float = 0.0
    high: float = 0.0


def bar(levels: Sequence[str], seen: Sequence[float] = ()) -> tuple[int, dict[str, str]]:
    """The width of a bar, and a path for all cells of each level; `seen` is the part of each cell that is known, and
    what is not known of it is a path of its own, `gap`, that covers the cell from the top."""
    paths: dict[str, str] = {}
    first = 0
    for level, run in groupby(levels):
        count = len(list(run))
        paths[level] = paths.get(level, "") + cell(first, level, count)
        first += count
    for number, (level, part) in enumerate(zip(levels, seen, strict=False)):
        if part < 1 and level in ("ok", "warn", "bad"):
            paths["gap"] = paths.get("gap", "") + _cover(number, _TOPS[level], part)
    return len(levels) * (CELL + GAP) - GAP, paths


def cell(number: int, level: str, count: int = 1) -> str:
    """The stroke of so many cells of a level, from this one on."""
    middle = (_TOPS[level] + BAR_HEIGHT) / 2
    return f"M{number * (CELL + GAP)} {middle:g}h{count * (CELL + GAP) - GAP}"


def spot(number: int) -> str:
    """The whole place of a cell, to be pointed at."""
    return f"M{number * (CELL + GAP)} 0h{CELL}V{BAR_HEIGHT}h-{CELL}z"


def _cover(number: int, top: float, part: float) -> str:
    bottom = top + (BAR_HEIGHT - top) * (1 - part)
    return f"M{number * (CELL + GAP)} {top:g}h{CELL}V{bottom:.1f}h-{CELL}z"


def spark(values: Sequence[float | None]) -> Line:
    """Values over time, scaled to their own range but never so far that a steady line looks wild."""
    known = [value for value in values if value is not None]
    if not known:
        return Line("", "", None)
    low, high = min(known), max(known)
    middle = (low + high) / 2
    spread = max(high - low, middle * 0.5, 1e-9)
    return _curve(values, middle - spread / 2, middle + spread / 2, SPARK_WIDTH, SPARK_HEIGHT, low, high)


def area(values: Sequence[float | None], top: float = 100.0) -> Line:
    """Values over time on a scale from 0 to `top`."""
    known = [value for value in values if value is not None]
    if not known:
        return Line("", "", None)
    return _curve(values, 0.0, top, AREA_WIDTH, AREA_HEIGHT, min(known), max(known))


def level_y(value: float, top: float = 100.0) -> float:
    """Where a limit lies in an area."""
    return _y(value, 0.0, top, AREA_HEIGHT)


def _curve(
    values: Sequence[float | None], bottom: float, top: float, width: int, height: int, low: float, high: float
) -> Line:
    runs = _runs(values, bottom, top, width / max(1, len(values) - 1), height)
    line = "".join(_path(run) for run in runs)
    filled = "".join(f"{_path(run)}V{height}H{run[0][0]:g}z" for run in runs if len(run) > 1)
    return Line(line, filled, runs[-1][-1], low, high)


def _runs(values: Sequence[float | None], bottom: float, top: float, step: float, height: int) -> list[Points]:
    """The points, broken where nothing was measured."""
    runs: list[Points] = []
    open_run = False
    for number, value in enumerate(values):
        if value is not None:
            if not open_run:
                runs.append([])
            runs[-1].append((round(number * step, 1), _y(value, bottom, top, height)))
        open_run = value is not None
    return runs


def _y(value: float, bottom: float, top: float, height: int) -> float:
    share = min(1.0, max(0.0, (value - bottom) / (top - bottom)))
    return round(height - 2 - share * (height - 4), 1)


def _path(points: Points) -> str:
    head, *rest = [f"{x:g} {y:g}" for x, y in points]
    # A single point is drawn as the shortest of lines: round ends make it a dot.
    return f"M{head}L{' '.join(rest) if rest else head}"
