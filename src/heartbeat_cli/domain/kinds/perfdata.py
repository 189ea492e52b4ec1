"""Nagios plugin output, both ways: read what a plugin prints, and print what Nagios or Icinga reads.

Grammar: `TEXT | 'label'=value[UOM];[warn];[crit];[min];[max] …`, further lines are long text up to the next
`|`, after which all is performance data again. What does not fit the grammar is passed over, never an error.
"""

import math
import re
from collections.abc import Callable, Iterable

from heartbeat_cli.domain.checking.result import Metric
from heartbeat_cli.domain.record import Record

MOST = 100  # figures taken of one output: a plugin that prints more is not meant for a watchdog

_NUMBER = r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?"
# Compiled at first use: most passes read no performance data.
_ITEM = (
    rf"(?<!\S)(?:'(?P<quoted>(?:[^']|'')+)'|(?P<bare>[^\s'=]+))=(?P<value>U|{_NUMBER})(?P<uom>[A-Za-zµ%/]*)"
    r"(?P<rest>(?:;[^;\s]*){0,4})(?=\s|;|$)"
)
_RANGE = rf"(@?)(?:(~|{_NUMBER})?:)?({_NUMBER})?"

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
# Plugins that print KB mean 1024 bytes, as the reference plugins do.
_BYTES = {f"{prefix}{i}b": 1024.0**n for n, prefix in enumerate("kmgtpe", 1) for i in ("", "i")} | {"b": 1.0}


class Perf(Record):
    """One figure as a plugin prints it. `warn` and `crit` are ranges in their own text."""

    label: str
    value: float
    uom: str = ""
    warn: str = ""
    crit: str = ""
    minimum: str = ""
    maximum: str = ""


class Output(Record):
    """What a plugin printed: the first line, the lines after it, and the figures of all lines."""

    summary: str
    details: str
    figures: tuple[Perf, ...]


class Range(Record):
    """`[@]start:end`: alert outside of it, or inside with `@`; both ends belong to it."""

    start: float
    end: float
    inside: bool = False

    def alerts(self, value: float) -> bool:
        return (self.start <= value <= self.end) is self.inside


def parse_range(text: str) -> Range:
    """`10` is 0 to 10, `10:` from 10 up, `~:10` up to 10, `@…` inverts. Raises ValueError for others."""
    match = re.fullmatch(_RANGE, text.strip())
    if match is None or not text.strip("@ "):
        raise ValueError(f"{text!r} is not a range: expected [@]start:end, for example 10, 10:, ~:10, @5:10")
    at, start, end = match.groups()
    low = 0.0 if start is None else -math.inf if start == "~" else _number(start)
    high = math.inf if end is None else _number(end)
    if low > high:
        raise ValueError(f"{text!r} is not a range: its start is above its end")
    return Range(low, high, at == "@")


def parse_output(text: str) -> Output:
    """Split all that a plugin printed; text without any `|` is all text."""
    first, _, rest = text.strip().partition("\n")
    summary, _, perf = first.partition("|")
    details, _, more = rest.partition("|")
    return Output(summary.strip(), details.strip("\n"), parse_perfdata(f"{perf} {more}"))


def parse_perfdata(text: str) -> tuple[Perf, ...]:
    """The figures in `text`; undetermined (`U`), infinite and malformed ones are left out."""
    found: list[Perf] = []
    for match in re.finditer(_ITEM, text):
        value = math.nan if match["value"] == "U" else _number(match["value"])
        if math.isfinite(value) and len(found) < MOST:
            label = match["bare"] or match["quoted"].replace("''", "'")
            limits = (match["rest"].split(";")[1:] + [""] * 4)[:4]
            found.append(Perf(label, value, match["uom"], *limits))
    return tuple(found)


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def to_metrics(figures: Iterable[Perf]) -> tuple[Metric, ...]:
    """Figures in base units under snake_case names; a label that had to change is kept as `label`."""
    return tuple(_metric(figure) for figure in figures)


def without(metrics: tuple[Metric, ...], hide: Callable[[str], str]) -> tuple[Metric, ...]:
    """The same figures, named with what `hide` leaves of their names: a plugin may print what it was given."""
    return tuple(_without(metric, hide) for metric in metrics)


def _without(metric: Metric, hide: Callable[[str], str]) -> Metric:
    metadata = {key: hide(text) for key, text in metric.metadata.items()}
    label = hide(metric.metadata.get("label", metric.name))
    if label == metric.metadata.get("label", metric.name):
        return metric._replace(metadata=metadata)
    return metric._replace(name=figure_name(label), metadata={**metadata, "label": label})


def figure_name(label: str) -> str:
    """The name, in snake_case, of a figure that is called so."""
    name = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[:60] or "value"
    return f"n{name}" if "0" <= name[0] <= "9" else name


def _metric(figure: Perf) -> Metric:
    value, unit, kind = _base(figure)
    name = figure_name(figure.label)
    plain = name == figure.label
    if unit in ("seconds", "bytes", "percent") and not name.endswith(unit):
        name = f"{name}_{unit}"
    metadata = {} if plain else {"label": figure.label[:100]}
    if unit:
        metadata["unit"] = unit
    return Metric(name, value, kind, metadata)


def _base(figure: Perf) -> tuple[float, str, str]:
    uom = figure.uom
    if uom in _SECONDS:
        return figure.value * _SECONDS[uom], "seconds", "gauge"
    if uom.lower() in _BYTES:
        return figure.value * _BYTES[uom.lower()], "bytes", "gauge"
    if uom == "%":
        return figure.value, "percent", "gauge"
    return (figure.value, "", "counter") if uom == "c" else (figure.value, uom, "gauge")


def from_metric(metric: Metric) -> Perf:
    """One of our figures as a plugin prints it: `disk_used_percent` of mount `/` is `disk_used_percent_/`."""
    words = [value for key, value in sorted(metric.metadata.items()) if key not in ("unit", "label")]
    uom = next(
        (u for end, u in (("_seconds", "s"), ("_bytes", "B"), ("_percent", "%")) if metric.name.endswith(end)),
        "",
    )
    return Perf("_".join([metric.name, *words]), metric.value, "c" if metric.type == "counter" else uom)


def format_line(text: str, figures: Iterable[Perf] = ()) -> str:
    """`TEXT | perfdata` on one line; a `|` in the text would end it early and is replaced."""
    summary = " ".join(text.replace("|", "/").split())
    data = " ".join(format_perf(figure) for figure in figures)
    return f"{summary} | {data}" if data else summary


def format_perf(figure: Perf) -> str:
    """`'label'=value[UOM];[warn];[crit];[min];[max]` without empty fields at its end."""
    label = re.sub(r"[=|\x00-\x1f]", "_", figure.label).replace("'", "''")
    if not re.fullmatch(r"[^\s']+", label):
        label = f"'{label}'"
    limits = ";".join((figure.warn, figure.crit, figure.minimum, figure.maximum)).rstrip(";")
    return f"{label}={_shown(figure.value)}{figure.uom}" + (f";{limits}" if limits else "")


def _shown(value: float) -> str:
    if not math.isfinite(value):
        return "U"
    return f"{value:.0f}" if value == int(value) else f"{value:.9f}".rstrip("0").rstrip(".")
