"""The figures of an earlier run, to compare those of this one with. Only ratios are compared: they are made beside what
they are ratios to, so that they hold on another day and, nearly, on another machine.

`python -m bench --record` writes them to `recorded.json` beside this file; those of cases that were not run stay.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench._measure import Row

_FILE = Path(__file__).with_name("recorded.json")
_SLOWER = 1.05  # times the recorded figure

Found = Mapping[str, Sequence[Row]]  # by case


def read(file: Path = _FILE) -> dict[str, dict[str, float]]:
    """The recorded ratios by case and what they are of; nothing where none were recorded."""
    if not file.exists():
        return {}
    recorded: dict[str, dict[str, float]] = json.loads(file.read_text())
    return recorded


def write(found: Found, file: Path = _FILE) -> None:
    """Record the ratios of this run."""
    new = {case: {row.what: round(row.figure, 4) for row in rows if row.ratio} for case, rows in found.items()}
    merged = read(file) | {case: ratios for case, ratios in new.items() if ratios}
    file.write_text(json.dumps(merged, indent=2, sort_keys=True) + "\n")


def slower(found: Found, recorded: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What has become slower by more than 5 %, in words."""
    lines = []
    for case, rows in found.items():
        for row in rows:
            before = recorded.get(case, {}).get(row.what)
            if row.ratio and before and row.figure > before * _SLOWER:
                lines.append(f"{case}: {row.what}: {row.figure:.3g}, was {before:.3g} (+{row.figure / before - 1:.0%})")
    return lines
