"""Anything with a page of metrics for Prometheus: limits on their values and rates.

healthy    every check holds
degraded   a check's `warn` is broken, or the certificate ends within `certificate_warn_days`
unhealthy  a check's `critical` is broken or its metric is missing, the status code is not 2xx, or there are no metrics
error      no complete answer: refused, timed out, reset, TLS trouble
unknown    a value is NaN, the page is longer than `max_body`, or a line of a metric asked for than 64 KiB

An entry of `checks` names a metric and what must hold: `op` against `warn` is degraded when it is broken, against
`critical` unhealthy. The worst counts. Every value becomes a metric of the component.

    [components.vllm]
    kind = "prometheus"
    url = "http://localhost:8000/metrics"
    checks = [
      { metric = "vllm:num_requests_waiting", op = "<", warn = 20, critical = 100 },
      { metric = "vllm:generation_tokens_total", rate = true, op = ">=", warn = 0, name = "generation_tokens" },
    ]
"""

from collections.abc import Mapping
from typing import Any

from heartbeat_cli.domain.checking.exchange import Request, Response
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.kinds import exposition
from heartbeat_cli.domain.kinds.check_keys import Check
from heartbeat_cli.domain.kinds.value_checks import Outcome
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _checks, _http

_ACCEPT = ("Accept", "text/plain;version=0.0.4,*/*;q=0.1")
_NO_HEADERS: dict[str, str] = {}

LADDER: tuple[Mapping[str, Any], ...] = (
    {"action": "systemd", "unit": "{unit}", "user": "{user}"},
    {"action": "docker", "container": "{container}"},
    {"action": "script", "name": "restart_{id}.sh"},
)


class Settings(Record):
    """
    url: address of the page, http:// or https://, e.g. http://localhost:8000/metrics
    checks: limits on its metrics, as a list of tables
    headers: extra request headers as a table; withheld from another origin when a redirect leads there
    verify_tls: check the server's certificate and name
    ca_file: PEM file of the authorities to trust instead of the system's (default: the system's)
    cert_file: PEM file of a client certificate to present (default: none)
    key_file: PEM file of the client certificate's key (default: in cert_file)
    certificate_warn_days: degraded when the certificate ends in fewer days (default 14; 0: when it has ended)
    max_body: bytes that the page may have; a longer one is not judged
    unit: systemd unit that its recovery restarts
    user: true: that is a unit of the user heartbeat runs as (systemctl --user)
    container: Docker container that its recovery restarts
    """

    url: str
    checks: tuple[Check, ...]
    headers: dict[str, str] = _NO_HEADERS
    verify_tls: bool = True
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    certificate_warn_days: int = 14
    max_body: int = 4_194_304
    unit: str | None = None
    user: bool = False
    container: str | None = None


def host_of(settings: Settings) -> str | None:
    """The host that a check must reach."""
    return _http.host_of(settings.url)


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with the settings, as (key, text)."""
    found = [("url", text) for text in _http.url_problems(settings.url)]
    found += [("headers", text) for text in _http.header_problems(settings.headers)]
    found += [(key, "must not be negative") for key in ("certificate_warn_days",) if getattr(settings, key) < 0]
    if settings.max_body < 1:
        found.append(("max_body", "must be 1 byte or more"))
    if not settings.checks:
        found.append(("checks", "is empty; expected tables as { metric, op, warn, critical }"))
    if settings.user and settings.unit is None:
        found.append(("user", "works only with unit"))
    return found + _checks.problems(settings.checks, "metric")


def request(settings: Settings, context: CheckContext) -> Request:
    """The exchange to make."""
    own = {name.lower() for name in settings.headers}
    return Request(
        url=settings.url,
        headers=(*settings.headers.items(), *(() if "accept" in own else (_ACCEPT,))),
        verify_tls=settings.verify_tls,
        ca_file=settings.ca_file,
        cert_file=settings.cert_file,
        key_file=settings.key_file,
        max_body=settings.max_body,
    )


def read(settings: Settings, response: Response, context: CheckContext) -> Reading:
    """Judge what came back. Raises Unobservable when the trouble is heartbeat's own."""
    kept = _checks.kept(settings.checks, context)
    if response.fault is not None:
        return _http.no_answer(settings.url, response, context)._replace(memory=kept)
    metrics, evidence = _http.metrics(response, context), _http.evidence(response)
    reading = Reading("healthy", response.elapsed, None, metrics, evidence, memory=kept)
    if not 200 <= response.status < 300:
        category = _http.category_of_status(response.status)
        return reading._replace(status="unhealthy", error=_http.status_line(response.status), category=category)
    if response.truncated:
        raise Unobservable(Text("the page is longer than max_body ({n} bytes)", n=settings.max_body))
    text = response.body.decode("utf-8", "replace").removeprefix("\ufeff")
    if not exposition.is_exposition(text):
        error = Text("the answer has no metrics in the Prometheus text format")
        return reading._replace(status="unhealthy", error=error, category="configuration")

    found = _http.series(text, [(check.metric or "", check.labels) for check in settings.checks])
    by_selection = {check.selection: values for check, values in zip(settings.checks, found, strict=True)}
    reading = _checks.after(reading, settings.checks, lambda check: by_selection[check.selection], context)
    line = _http.certificate_warning(response, context, settings.certificate_warn_days)
    return _checks.combined(reading, Outcome("degraded", line, "certificate")) if line else reading
