"""Sources over HTTP: a number in a JSON answer, or a metric on a /metrics page."""

import re
import time
from typing import Any

from heartbeat_cli.domain.checking.exchange import Request, Response
from heartbeat_cli.domain.kinds import exposition, health_body, json_path
from heartbeat_cli.domain.kinds.value_checks import aggregated, as_number, shown
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _http
from heartbeat_cli.monitors._sources import JsonSource, PrometheusSource

_MOST_BYTES = {JsonSource: 1_048_576, PrometheusSource: 4_194_304}  # JSON takes up to thirty times as much memory


def problems(source: JsonSource | PrometheusSource) -> list[tuple[str, str]]:
    """What is wrong with a source, as (key, text)."""
    found = [("url", text) for text in _http.url_problems(source.url)]
    found += [("headers", text) for text in _http.header_problems(source.headers)]
    if isinstance(source, JsonSource):
        wrong = json_path.path_problem(source.path)
        return found + ([("path", wrong)] if wrong else [])
    if not re.fullmatch(exposition.NAME, source.metric):
        found.append(("metric", f"{source.metric!r} is not the name of a metric"))
    labels = [name for name in source.labels if not re.fullmatch(exposition.LABEL, name)]
    return found + [("labels", f"{name!r} is not the name of a label") for name in labels]


def host_of(source: JsonSource | PrometheusSource) -> str | None:
    """The host of its address."""
    return _http.host_of(source.url)


def read(source: JsonSource | PrometheusSource, deadline: float) -> float:
    """The number, by the deadline (time.monotonic()). Raises Unobservable."""
    headers, most = tuple(source.headers.items()), _MOST_BYTES[type(source)]
    text = _body(Request(source.url, headers=headers, same_host=True, max_body=most), deadline)
    if isinstance(source, PrometheusSource):
        return _metric(source, text)
    document = health_body.parse(text)
    if document is json_path.MISSING:
        raise Unobservable(Text("the answer is not JSON"))
    value = json_path.at_path(document, source.path)
    if isinstance(value, list) or (source.agg is not None and value is not json_path.MISSING):
        value = aggregated(value if isinstance(value, list) else [value], source.agg or "sum")
    return _known(value, source.path)


def _metric(source: PrometheusSource, text: str) -> float:
    values: list[Any] = [*_http.series(text, [(source.metric, source.labels)])[0]]
    agg = source.agg or "sum"
    if not values and agg == "sum" and exposition.counts_nothing_yet(text, source.metric):
        return 0.0  # an idle server that has just started can be read
    return _known(aggregated(values, agg), source.metric)


def _known(value: Any, name: str) -> float:
    if value is None or value is json_path.MISSING:
        raise Unobservable(Text("{name} is missing", name=name))
    number = as_number(value)
    if number is None and isinstance(value, str) and re.fullmatch(r"[-+]?[0-9]{1,300}(\.[0-9]{0,300})?", value.strip()):
        number = float(value)
    if number is None:
        raise Unobservable(Text("{name} is {value}, not a number", name=name, value=shown(value)))
    return number


def _body(request: Request, deadline: float) -> str:
    """The whole body of a good answer."""
    from heartbeat_cli.http.multi import Exchange, drive

    responses: list[Response] = []
    exchange = Exchange("", request, max(0.05, deadline - time.monotonic()))
    drive([exchange], deadline=deadline, done=lambda _, response: responses.append(response))
    response = responses[0]
    if response.fault is not None:
        raise Unobservable(response.fault.text)
    text = response.body.decode("utf-8", "replace").removeprefix("\ufeff")
    if not 200 <= response.status < 300:
        raise Unobservable(_http.status_line(response.status, health_body.explanation(health_body.parse(text))))
    if response.truncated:
        raise Unobservable(Text("the answer is longer than {n:,} bytes", n=request.max_body))
    return text
