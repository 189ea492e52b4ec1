"""The bars of the dashboard: colours say what was found out, and nothing else does."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.reporting.board import Board, Known, gathered
from heartbeat_cli.store.board import board
from heartbeat_cli.views import charts, dashboard_bars, voice
from tests.parts import deployment

NOW = 1_795_000_000.0


def test_pieces_make_up_the_hours_and_days_they_lie_in() -> None:
    pieces = {0: (3_000_000, 1_000_000), 2: (2_000_000, 0)}
    found = gathered(pieces, [0.0, 10.0, 20.0, 30.0], [0.0, 20.0], 25.0)
    assert found == [Known(3.0, 1.0, 16.0), Known(2.0, 0.0, 3.0)]
    assert gathered(pieces, [0.0, 10.0, 20.0, 30.0], [20.0], 25.0) == [Known(2.0, 0.0, 3.0)]
    assert gathered({}, [0.0], [0.0], 25.0)[0].share is None


@pytest.mark.parametrize(
    ("known", "level"),
    [
        (Known(), "none"),
        (Known(0, 0, 86_400), "none"),
        (Known(86_400, 0, 0), "ok"),
        (Known(60, 0, 86_340), "ok"),
        (Known(86_300, 100, 0), "warn"),
        (Known(85_000, 1_400, 0), "bad"),
        (Known(0, 60, 86_340), "bad"),
    ],
)
def test_a_day_is_called_by_what_is_known_of_it(known: Known, level: str) -> None:
    assert dashboard_bars._day_level(known) == level


def test_equal_cells_are_one_stroke_and_what_is_not_known_covers_a_cell_from_the_top() -> None:
    width, paths = charts.bar(["ok", "ok", "ok", "bad", "none", "ok"], [1, 1, 0.5, 0.25, 0, 1])
    assert width == 46
    assert paths["ok"] == "M0 13.5h22M40 13.5h6" and paths["bad"] == "M24 10h6"
    covers = re.findall(r"M(\d+) (\S+)h6V(\S+)h-6z", paths["gap"])
    assert covers == [("16", "7", "13.5"), ("24", "0", "15.0")]


def test_what_nobody_looked_at_is_never_green(tmp_path: Path) -> None:
    """Two hours watched at the end of 90 days, the hour before them looked at in vain."""
    config = deployment.config(tmp_path, components={"a": {"kind": "tcp", "host": "localhost", "port": 1}})

    def story(id_: str, ago: float, chance: object) -> Reading | None:
        return Reading("unknown", error="no name server") if ago > 7_200 else Reading("healthy", 0.01)

    with deployment.store(config) as db:
        deployment.live(db, config, NOW, story, step=60.0, span=10_000.0)
        found = board.read(db, config, ZoneInfo("UTC"), NOW)
    spoken = voice.of(config, NOW)
    day, days = dashboard_bars.day(found, "a", spoken), dashboard_bars.days(found, "a", spoken)
    assert _cells(day.paths, "ok") == 3 and _cells(day.paths, "none") == 20 and _cells(day.paths, "dim") == 1
    assert _cells(days.paths, "ok") == 1 and _cells(days.paths, "none") == 89
    assert "gap" in day.paths and "gap" in days.paths, "the first hour and the day are watched in part"
    assert (day.share, days.share) == ("100 %", "100 %")
    assert "8." in day.label and "100 % up" in day.label, "and the label says how little of the time that is"


def test_a_board_without_history_has_empty_bars(tmp_path: Path) -> None:
    config = deployment.config(tmp_path)
    with deployment.store(config) as db:
        found: Board = board.read(db, config, ZoneInfo("UTC"), NOW)
    bar = dashboard_bars.days(found, "main", voice.of(config, NOW))
    assert set(bar.paths) == {"none"} and bar.share == "-" and bar.marks == []


@pytest.mark.whole
def test_bad_cells_say_when_and_how_much(tmp_path: Path) -> None:
    config = deployment.config(tmp_path)
    with deployment.store(config) as db:
        deployment.live(db, config, NOW, deployment.trouble, step=600.0)
        deployment.past(db, config, NOW - 86_400)
        found = board.read(db, config, ZoneInfo("UTC"), NOW)
    bar = dashboard_bars.days(found, "db", voice.of(config, NOW))
    assert any(re.fullmatch(r"2026-09-17: \d\d\.\d\d % up, down [\d a-z]+", text) for _, text in bar.marks), bar.marks
    assert 0.9 < bar.whole.coverage < 0.99, "nobody looked for a day and a half"


def _cells(paths: dict[str, str], level: str) -> int:
    """How many cells the strokes of a level are long."""
    runs = re.findall(r"h(\d+)", paths.get(level, ""))
    return sum((int(run) + charts.GAP) // (charts.CELL + charts.GAP) for run in runs)
