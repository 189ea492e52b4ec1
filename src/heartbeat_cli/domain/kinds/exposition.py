"""Reads the Prometheus text format: the values of some of its metrics. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4). What OpenMetrics adds is tolerated:
exemplars, time stamps with a fraction, `# EOF`, and the suffix `_total` that a counter's samples have.

The parser is our own: `prometheus_client.parser` takes 2.6 s for a page of 4 MB, builds every family to find one, and
gives up at the first line that it does not understand. Here one expression finds the lines of all metrics asked for in
one pass, and only they are read further. No expression can take more than linear time, and a line that cannot be read
is passed over. A line of such a metric that is beyond a bound (length, labels, length of a label) is not passed over: a
sum without it would be wrong.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

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

Selector = tuple[str, Mapping[str, str]]  # name of a metric, and labels with their values


class BeyondBounds(ValueError):
    """A metric of the page has more series, or a longer line or label, than is read. `text` says which."""

    def __init__(self, text: Text) -> None:
        super().__init__(text)
        self.text = text


def values(text: str, metric: str, labels: Mapping[str, str]) -> list[float]:
    """The value of each series that one selector selects: see `select`. Raises BeyondBounds."""
    return select(text, [(metric, labels)])[0]


def select(text: str, selectors: Sequence[Selector]) -> list[list[float]]:
    """The values of the series that each selector selects, in one pass over the text: those of its metric that have its
    labels, with whatever others. Where there is no sample of that name, those of `<metric>_total` are taken. Values may
    be NaN or infinite. Raises BeyondBounds."""
    asked: dict[str, list[int]] = {}
    for place, (metric, _) in enumerate(selectors):
        for name in (metric, f"{metric}_total"):
            asked.setdefault(name, []).append(place)
    found: dict[str, dict[int, list[float]]] = {}
    for name, labels, value in _samples(text, asked, {key for _, wanted in selectors for key in wanted}):
        of_name = found.setdefault(name, {})
        for place in asked[name]:
            if _selects(selectors[place][1], labels):
                of_name.setdefault(place, []).append(value)
    return [
        found.get(metric if metric in found else f"{metric}_total", {}).get(place, [])
        for place, (metric, _) in enumerate(selectors)
    ]


def _samples(text: str, names: Iterable[str], keys: Collection[str]) -> Iterator[tuple[str, dict[str, str], float]]:
    """Each sample of these metrics: its name, those of its labels that have one of these keys, and its value. Raises
    BeyondBounds."""
    count = dict.fromkeys(names, 0)
    either = "|".join(map(re.escape, count))
    for line in re.finditer(rf"^[ \t]*({either})(?=[ \t{{])([^\n]{{0,{MOST_LINE + 1}}})", text, re.M):
        name, rest = line[1], line[2]
        if count[name] == MOST_SERIES:
            raise _beyond(Text("{name} has more than {n:,} series"), name, MOST_SERIES)
        count[name] += 1
        sample = _sample(name, rest, keys)
        if sample is not None:
            yield name, *sample


def _selects(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(_is(labels.get(key, ""), wanted[key]) for key in wanted)


def _is(written: str, wanted: str) -> bool:
    """Whether a label's value, as it is written, is the wanted one. An escape writes one character as two, so that most
    values need not be unescaped to see that they are another."""
    if "\\" not in written:
        return written == wanted
    if not len(wanted) < len(written) <= 2 * len(wanted):
        return False
    return re.sub(r"\\(.)", lambda one: _ESCAPES.get(one[1], one[1]), written) == wanted


def counts_nothing_yet(text: str, metric: str) -> bool:
    """Whether a page declares a counter of that name and has no series of it. A counter with labels has its first
    series with its first event, and every counter begins at 0. The declaration may lack the suffix `_total`, as in
    OpenMetrics. Raises BeyondBounds."""
    names = "|".join(re.escape(name) for name in (metric, f"{metric}_total", metric.removesuffix("_total")))
    declared = re.search(rf"^#[ \t]*TYPE[ \t]+(?:{names})[ \t]+counter[ \t]*\r?$", text, re.M)
    return declared is not None and not values(text, metric, {})


def is_exposition(text: str) -> bool:
    """Whether there is any sample in a text."""
    return _ANY.search(text) is not None


def _sample(metric: str, rest: str, keys: Collection[str]) -> tuple[dict[str, str], float] | None:
    """What follows the name on a sample's line, its labels as they are written; None when it cannot be read. Raises
    BeyondBounds."""
    if len(rest) > MOST_LINE:
        raise _beyond(Text("a line of {name} is longer than {n:,} characters"), metric, MOST_LINE)
    labels: dict[str, str] = {}
    at = len(rest) - len(rest.lstrip(" \t"))
    if rest[at : at + 1] == "{":
        at, count = at + 1, 0
        while (label := _LABEL.match(rest, at)) is not None:
            count += 1
            if count > MOST_LABELS:
                raise _beyond(Text("a line of {name} has more than {n:,} labels"), metric, MOST_LABELS)
            if label.end(2) - label.start(2) > MOST_LABEL:
                raise _beyond(Text("a label of {name} is longer than {n:,} characters"), metric, MOST_LABEL)
            if label[1] in keys:
                labels[label[1]] = label[2]
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


def _beyond(template: Text, metric: str, most: int) -> BeyondBounds:
    return BeyondBounds(template.with_values(name=one_line(metric, 80), n=most))
