"""Reads the Prometheus text format: the values of one metric. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4). What OpenMetrics adds is tolerated:
exemplars, time stamps with a fraction, `# EOF`, and the suffix `_total` that a counter's samples have.

The parser is our own: `prometheus_client.parser` takes 2.6 s for a page of 4 MB, builds every family to find one, and
gives up at the first line that it does not understand. Here the lines of one metric are found by one expression, no
expression can take more than linear time, and a line that cannot be read is passed over. A line of the metric that is
beyond a bound (length, labels, length of a label) is not passed over: a sum without it would be wrong.
"""

import re
from collections.abc import Iterator, Mapping

from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.text import Text

MOST_SERIES = 20_000  # of one metric: an honest page has hundreds
MOST_LINE = 65_536  # characters of a sample's line after its name
MOST_LABELS = 128  # of one sample
MOST_LABEL = 16_384  # characters of a label's value, as it is written
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r"[a-zA-Z_][a-zA-Z0-9_]*"
_LABEL = re.compile(rf'[ \t]*({LABEL})[ \t]*=[ \t]*"((?:[^"\\]++|\\.)*+)"[ \t]*(,?)')  # ++ and *+ keep no state
_END = re.compile(r"[ \t]*\}")
_VALUE = re.compile(
    r"[ \t]*([-+]?(?:[0-9][0-9.]{0,400}(?:[eE][-+]?[0-9]{1,5})?|\.[0-9]{1,400}|[nN]a[nN]|[iI]nf))(?=[ \t\r#]|$)"
)
_ANY = re.compile(rf"^[ \t]*{NAME}(?:\{{[^\n]*\}})?[ \t]+(?:[-+]?[0-9.]|[-+]?[iI]nf|NaN)", re.M)
_ESCAPES = {"n": "\n"}  # others stand for themselves


class BeyondBounds(ValueError):
    """A metric of the page has more series, or a longer line or label, than is read. `text` says which."""

    def __init__(self, text: Text) -> None:
        super().__init__(text)
        self.text = text


def values(text: str, metric: str, labels: Mapping[str, str]) -> list[float]:
    """The value of each series of `metric` that has these labels, with whatever others. Where there is no sample of
    that name, those of `<metric>_total` are taken. Raises BeyondBounds."""
    found = list(samples(text, metric)) or list(samples(text, f"{metric}_total"))
    return [value for own, value in found if all(own.get(name, "") == wanted for name, wanted in labels.items())]


def samples(text: str, metric: str) -> Iterator[tuple[dict[str, str], float]]:
    """Each sample of a metric: its labels, and its value, which may be NaN or infinite. Raises BeyondBounds."""
    name = one_line(metric, 80)
    for number, line in enumerate(re.finditer(rf"^[ \t]*{re.escape(metric)}(?=[ \t{{])([^\n]*)", text, re.M)):
        if number == MOST_SERIES:
            raise BeyondBounds(Text("{name} has more than {n:,} series", name=name, n=MOST_SERIES))
        sample = _sample(name, line[1])
        if sample is not None:
            yield sample


def is_exposition(text: str) -> bool:
    """Whether there is any sample in a text."""
    return _ANY.search(text) is not None


def _sample(name: str, rest: str) -> tuple[dict[str, str], float] | None:
    """What follows the name on a sample's line; None when it cannot be read. Raises BeyondBounds."""
    if len(rest) > MOST_LINE:
        raise BeyondBounds(Text("a line of {name} is longer than {n:,} characters", name=name, n=MOST_LINE))
    labels: dict[str, str] = {}
    at = len(rest) - len(rest.lstrip(" \t"))
    if rest[at : at + 1] == "{":
        at += 1
        while (label := _LABEL.match(rest, at)) is not None:
            if len(labels) == MOST_LABELS:
                raise BeyondBounds(Text("a line of {name} has more than {n:,} labels", name=name, n=MOST_LABELS))
            if len(label[2]) > MOST_LABEL:
                raise BeyondBounds(Text("a label of {name} is longer than {n:,} characters", name=name, n=MOST_LABEL))
            labels[label[1]] = re.sub(r"\\(.)", lambda one: _ESCAPES.get(one[1], one[1]), label[2])
            at = label.end()
            if not label[3]:
                break
        end = _END.match(rest, at)
        if end is None:
            return None
        at = end.end()
    value = _VALUE.match(rest, at)
    try:
        return None if value is None else (labels, float(value[1]))
    except ValueError:  # 1.2.3
        return None
