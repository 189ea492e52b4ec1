"""What the rows of a query must be: limits on its columns. Pure.

Each row is judged by every check, and the worst counts. A row is called by the value of its `label` column.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.result import Metric
from heartbeat_cli.domain.kinds.check_keys import Absent, Check, Op
from heartbeat_cli.domain.kinds.json_path import MISSING
from heartbeat_cli.domain.kinds.perfdata import figure_name
from heartbeat_cli.domain.kinds.value_checks import RANKS, Outcome, as_number, evaluate
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, joined

_NAMED = 10  # rows that evidence names
_MEASURED = 20  # rows whose figures are kept
MOST_RATES = 100  # rows whose counters are remembered
_LABEL = 80  # characters of a row's label


class ColumnCheck(Record):
    """One column and what its values must be.

    op: what must hold between the value and a limit: >=, <=, <, >, ==, != or contains (a text in a text)
    column: name of the column; default: the only one besides label
    warn: limit that makes the component degraded when a value breaks it
    critical: limit that makes it unhealthy
    rate: true: the value is a counter, and its increase per second between two checks is judged; the first check, and
        one after the counter was reset, judge nothing
    absent: what NULL means: unhealthy, degraded, healthy or unknown
    name: name of the figure and in messages; default: the column
    category: kind of failure that breaking it is: process, starting, draining, dependency, provider, credentials,
        quota, configuration, resource or network; default: none is named, which counts as process
    """

    op: Op
    column: str | None = None
    warn: float | bool | str | None = None
    critical: float | bool | str | None = None
    rate: bool = False
    absent: Absent = "unhealthy"
    name: str | None = None
    category: Category | None = None

    def of_row(self, column: str, labels: dict[str, str]) -> Check:
        """The check on a value of that column."""
        return Check(
            self.op,
            path=column,
            labels=labels,
            warn=self.warn,
            critical=self.critical,
            rate=self.rate,
            absent=self.absent,
            name=self.name,
            category=self.category,
        )


class _Row(Record):
    shown: str
    labels: dict[str, str]
    values: Mapping[str, Any]


class Judgement(Record):
    """What the rows amount to, and what is said of the first of those that break a limit, the worst first."""

    outcome: Outcome
    named: tuple[str, ...] = ()


def mistake(
    checks: Sequence[ColumnCheck], label: str | None, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> str | None:
    """Why this result cannot be judged by these checks; None where it can."""
    for name in (label, *(check.column for check in checks)):
        if name is not None and name not in columns:
            return Text("the query gives no column {name}", name=one_line(name, _LABEL))
    if any(check.column is None for check in checks) and len(_figures(columns, label)) != 1:
        return Text("the query gives {n} columns; name one in each check", n=len(_figures(columns, label)))
    if any(check.rate for check in checks) and len(rows) > 1:
        if label is None:
            return Text("a rate of several rows needs a label column")
        if len(rows) > MOST_RATES:
            return Text("the query gives {n} rows; a rate is judged for at most {most}", n=len(rows), most=MOST_RATES)
    return None


def judge(
    checks: Sequence[ColumnCheck],
    label: str | None,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    before: Mapping[str, Any],
    now: float,
) -> Judgement:
    """Judge a result that has no `mistake`. `before` is the `rates` of the last outcome, `now` is in epoch seconds."""
    metrics: dict[tuple[str, str], Metric] = {}
    rates: dict[str, Any] = {}
    broken: list[tuple[str, Outcome]] = []
    only = next(iter(_figures(columns, label)), "")
    for place, row in enumerate(_rows(label, columns, rows)):
        for check in checks:
            column = check.column or only
            value = row.values[column]
            found = evaluate(
                [check.of_row(column, row.labels)],
                lambda _, value=value: MISSING if value is None else value,  # type: ignore[misc]
                before,
                now,
            )
            rates.update(found.rates)
            if found.status != "healthy":
                broken.append((row.shown, found))
            if place < _MEASURED and (label or len(rows) == 1):
                metrics.update({(one.name, row.shown): one for one in found.metrics})
        if place < _MEASURED and (label or len(rows) == 1):
            for one in _metrics(row, label):
                metrics.setdefault((one.name, row.shown), one)
    broken.sort(key=lambda one: -RANKS[one[1].status])
    return _summary(broken, len(rows), tuple(metrics.values()), rates)


def _summary(
    broken: Sequence[tuple[str, Outcome]], count: int, metrics: tuple[Metric, ...], rates: Mapping[str, Any]
) -> Judgement:
    if not broken:
        return Judgement(Outcome("healthy", metrics=metrics, rates=rates))
    worst = broken[0][1].status
    category = next((one.category for _, one in broken if one.status == worst and one.category), None)
    lines = tuple(_said(shown, one, count) for shown, one in broken)
    error = joined(dict.fromkeys(lines)) if count == 1 else lines[0]
    if count > 1 and len(lines) > 1:
        error = Text("{first}, and {n} more", first=lines[0], n=len(lines) - 1)
    return Judgement(Outcome(worst, error, category, metrics, rates), lines[:_NAMED] if count > 1 else ())


def _said(shown: str, outcome: Outcome, count: int) -> str:
    return outcome.error or "" if count == 1 else Text("{row}: {what}", row=shown, what=outcome.error or "")


def _rows(label: str | None, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[_Row]:
    for number, values in enumerate(rows, 1):
        by_column = dict(zip(columns, values, strict=True))
        if label is None:
            yield _Row(Text("row {n}", n=number), {}, by_column)
        else:
            said = one_line(str(by_column[label]), _LABEL)
            yield _Row(said, {figure_name(label): said}, by_column)


def _figures(columns: Sequence[str], label: str | None) -> list[str]:
    """The columns besides the label, in order."""
    return list(dict.fromkeys(column for column in columns if column != label))


def _metrics(row: _Row, label: str | None) -> Iterator[Metric]:
    """A metric for each column that holds a number."""
    for column, value in row.values.items():
        number = as_number(value)
        if column != label and number is not None:
            yield Metric(figure_name(column), number, metadata=row.labels)
