"""An OpenClaw gateway, by its readiness page: the gateway itself, its channels and its databases.

The page (GET `url`/readyz) lists what fails. The worst of it is the status:

error      no complete answer: refused, timed out, reset
unhealthy  an agent's database or the state database, an error inside the gateway, a channel of `required_channels`, a
           failed plugin reload, starting beyond `startup_limit` or draining beyond `draining_limit`
degraded   another channel, starting, draining, reloading plugins, or an event loop that is held up for too long
unknown    the gateway refuses to answer heartbeat (401, 403): it wants a token in `headers`, or a proxy is in between

What refuses a connection is asked for at its `unit`: one that ended with an exit status in its RestartPreventExitStatus
is of category configuration, one that is being stopped of category draining.
Starting and draining are waited for. A channel is of category credentials when it failed within 120 s of the gateway's
start, since a channel that is merely out of reach fails only after that; else dependency. A database is left to a
person.
Without a readiness page (HTML, 404, no JSON) `url`/healthz decides: a gateway that lives is degraded.

    [components.gateway]
    kind = "openclaw"
    required_channels = ["telegram"]
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from heartbeat_cli.domain.checking.exchange import FollowUp, Request, Response
from heartbeat_cli.domain.checking.isolation import is_remote
from heartbeat_cli.domain.checking.result import CheckContext, Explain, Metric, Reading
from heartbeat_cli.domain.kinds import openclaw
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import Seconds
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._http import category_of, header_problems, url_problems
from heartbeat_cli.monitors._http import evidence as exchange_evidence
from heartbeat_cli.monitors._http import metrics as exchange_metrics

_READY, _LIVE = "/readyz", "/healthz"
_MAX_BODY = 131_072  # the page lists each agent whose database is refused, with its paths

LADDER: tuple[Mapping[str, Any], ...] = (
    {"action": "systemd", "unit": "{unit}", "user": "{user}"},
    {"action": "script", "name": "restart_{id}.sh"},
)


class Settings(Record):
    """
    url: base address of the gateway (default http://127.0.0.1:18789); a path such as /gw is kept
    headers: extra request headers as a table, such as Authorization for a gateway on another host
    verify_tls: check the server's certificate and name (default true)
    ca_file: PEM file of the authorities to trust instead of the system's (default: the system's)
    startup_limit: seconds that starting, or reloading plugins, may take (default 300)
    draining_limit: seconds that draining before a stop or restart may take (default 330, as long as its unit may stop)
    required_channels: ids of channels without which the gateway is unhealthy, as telegram; any other is degraded
    loop_delay_warn: degraded when the event loop's delay (99th percentile) is above this many seconds (default 1;
        0: never)
    unit: systemd unit that its recovery restarts first (default openclaw-gateway.service); empty: none
    user: true (default): that is a unit of the user heartbeat runs as (systemctl --user)
    """

    url: str = "http://127.0.0.1:18789"
    headers: dict[str, str] = {}  # noqa: RUF012 - a named tuple's default; never changed
    verify_tls: bool = True
    ca_file: str | None = None
    startup_limit: Seconds = 300.0
    draining_limit: Seconds = 330.0
    required_channels: tuple[str, ...] = ()
    loop_delay_warn: Seconds = 1.0
    unit: str = "openclaw-gateway.service"
    user: bool = True


def host_of(settings: Settings) -> str | None:
    """The host that a check must reach."""
    from urllib.parse import urlsplit

    return urlsplit(settings.url).hostname


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with the settings, as (key, text)."""
    found = [("url", text) for text in url_problems(settings.url)]
    if not found and ("?" in settings.url or "#" in settings.url):
        found.append(("url", "is a base address: it has no ? and no #"))
    if settings.url.rstrip("/").endswith((_READY, _LIVE)):
        found.append(("url", f"is a base address: leave out {_READY} and {_LIVE}"))
    found += [("headers", text) for text in header_problems(settings.headers)]
    for key in ("startup_limit", "draining_limit", "loop_delay_warn"):
        if getattr(settings, key) < 0:
            found.append((key, "must not be negative"))
    if not all(settings.required_channels):
        found.append(("required_channels", "has an empty name; expected ids, like telegram"))
    return found


def request(settings: Settings, context: CheckContext) -> Request:
    """The exchange to make."""
    return _request(settings, _READY)


def _request(settings: Settings, path: str) -> Request:
    return Request(
        url=settings.url.rstrip("/") + path,
        headers=tuple(settings.headers.items()),
        verify_tls=settings.verify_tls,
        ca_file=settings.ca_file,
        redirects=0,  # a gateway sends none, and what sends one would learn the token
        max_body=_MAX_BODY,
    )


def read(settings: Settings, response: Response, context: CheckContext) -> Reading | FollowUp:
    """Judge the readiness page, or ask for the liveness page where there is none. Raises Unobservable when the trouble
    is heartbeat's own."""
    past = openclaw.recalled(context.memory)
    if response.fault is not None:
        return _unanswered(settings, response, context, past)
    _refuse(response)
    page = openclaw.parse(response.body)
    if page is None:
        return FollowUp(_request(settings, _LIVE), partial(_read_live, settings, context, _said(response)))
    limits = openclaw.Limits(
        settings.startup_limit, settings.draining_limit, settings.loop_delay_warn, frozenset(settings.required_channels)
    )
    past = openclaw.remember(page, past, context.now, context.interval)
    findings, loop = openclaw.judge(page, limits, past), openclaw.slow_loop(page, limits)
    lines = [openclaw.line(findings)] if findings else []
    if loop is not None:
        lines.append(loop.words)
        findings.append(loop)
    reading = Reading(
        "healthy",
        response.elapsed,
        metrics=(*exchange_metrics(response, context), *_metrics(page)),
        evidence=exchange_evidence(response),
        memory=openclaw.stored(past),
    )
    if not findings:
        return reading
    worst = findings[0]
    return reading._replace(status=worst.status, error=joined(lines), category=worst.category, remedy=worst.remedy)


def _unanswered(settings: Settings, response: Response, context: CheckContext, past: openclaw.Past) -> Reading:
    """The reading where no complete answer came. What refuses a connection has ended: its channels are judged anew."""
    fault = response.fault
    if fault is None or fault.kind in ("forbidden", "other"):
        raise Unobservable(fault.text if fault else "")
    here = not is_remote(host_of(settings))
    return Reading(
        "error",
        None,
        fault.text,
        exchange_metrics(response, context),
        exchange_evidence(response),
        openclaw.stored(openclaw.Past() if fault.refused else past),
        certain=fault.refused and here,
        category=category_of(fault, here) or "process",
    )


def explain(settings: Settings) -> Explain | None:
    """What asks systemd about the gateway's unit."""
    if not settings.unit:
        return None
    from heartbeat_cli.monitors._unit import explained

    return partial(explained, settings.unit, settings.user)


def _refuse(response: Response) -> None:
    if response.status in (401, 403):
        raise Unobservable(Text("not allowed to ask the gateway: HTTP {status}", status=response.status))


def _said(response: Response) -> str:
    """What came in place of a page, in a few words."""
    is_html = response.body.lstrip()[:1] == b"<"
    return f"HTTP {response.status}, HTML" if is_html else f"HTTP {response.status}"


def _read_live(settings: Settings, context: CheckContext, ready_said: str, response: Response) -> Reading:
    """Judge the liveness page, where the readiness page is none but `ready_said`."""
    past = openclaw.recalled(context.memory)
    if response.fault is not None:
        return _unanswered(settings, response, context, past)
    _refuse(response)
    reading = Reading(
        "unhealthy",
        response.elapsed,
        metrics=exchange_metrics(response, context),
        evidence=exchange_evidence(response),
        memory=openclaw.stored(past),
    )
    live = openclaw.says_live(response.body)
    if live and response.status == 200:
        line = Text("no readiness page: {path} answers {said}", path=_READY, said=ready_said)
        return reading._replace(status="degraded", error=line, category="configuration")
    line = Text("not live: {path} answers {said}", path=_LIVE, said=_said(response))
    if live is False or response.status >= 500:
        return reading._replace(error=line, category="process")
    line = Text("no OpenClaw gateway there: {path} answers {said}", path=_LIVE, said=_said(response))
    return reading._replace(error=line, category="configuration")


def _metrics(page: openclaw.Page) -> tuple[Metric, ...]:
    figures = (
        ("event_loop_delay_p99_seconds", page.loop_delay),
        ("event_loop_utilization", page.loop_utilization),
        ("uptime_seconds", page.uptime),
        ("failing_count", None if page.failing is None else float(len(page.failing))),
    )
    return tuple(Metric(name, value) for name, value in figures if value is not None)
