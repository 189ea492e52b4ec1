"""An AI agent, or anything else with an HTTP health address.

A check is judged in this order:

error      no complete answer: refused, timed out, reset, TLS trouble, redirects without end
unhealthy  the status code is not in `accept`, or the body says so or lacks what it must contain
degraded   the body says warn or degraded, or the certificate ends within `certificate_warn_days`
unknown    heartbeat could not check: its CA file is unreadable, the URL unusable, the pattern too slow

Name service and routing are of category network, a refused key (401, 403) credentials, 402 quota, a wrong path (404,
405, 410, or a web page where JSON is expected), another protocol or a bad certificate configuration, 429 provider; all
else is the process's own. Where `unit` is named, and nothing listens, systemd is asked: an exit status in its
RestartPreventExitStatus is configuration, a stop draining, a start starting.

With `expect = "auto"` a body such as {"status": "ok"}, {"status": "DOWN"} or {"ok": false} is understood; any
other body leaves the decision to the status code. Prefer `json` or `contains` to `regex`: a pattern is
searched in the first 8,192 characters only and given up after half a second, so no answer hangs the pass.
"""

import re
from collections.abc import Mapping
from functools import cache, partial
from typing import Any, Literal

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.exchange import Request, Response
from heartbeat_cli.domain.checking.result import CheckContext, Explain, Reading
from heartbeat_cli.domain.kinds import health_body, json_path
from heartbeat_cli.domain.kinds.check_keys import MEMORY, Check
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _http

_CODES = r"(?ai)([1-5])xx|([1-5]\d\d)(?:-([1-5]\d\d))?"

LADDER: tuple[Mapping[str, Any], ...] = (
    {"action": "systemd", "unit": "{unit}", "user": "{user}"},
    {"action": "script", "name": "restart_{id}.sh"},
)
# Before the key `unit` there was only this name; it goes with the version after this one.
_GUESSED_UNIT: Mapping[str, Any] = {"action": "systemd", "unit": "openclaw-{id}.service", "optional": True}


class Settings(Record):
    """
    url: health address, http:// or https://, e.g. http://localhost:8000/health
    method: HTTP method of the request (default GET)
    headers: extra request headers as a table; withheld from another origin when a redirect leads there
    body: request body as text (default: none); sent as JSON when it begins with { or [
    accept: status codes that are fine: single (204), classes (2xx) or ranges (200-299); default 2xx
    expect: how the body is judged: auto (health words, else by status code), json, contains, regex, none
    json_path: for json: where the value stands, dotted, with list positions: status or checks.0.state
    equals: for json: the value it must have, as text (ok, true, 3); unset: judged by the health words
    contains: for contains: text that must occur in the body
    pattern: for regex: Python regular expression that must match somewhere in the first 8192 characters
    verify_tls: check the server's certificate and name (default true)
    ca_file: PEM file of the authorities to trust instead of the system's (default: the system's)
    cert_file: PEM file of a client certificate to present (default: none)
    key_file: PEM file of the client certificate's key (default: in cert_file)
    certificate_warn_days: degraded when the certificate ends in fewer days (default 14; 0: when it has ended)
    redirects: how many redirects are followed (default 5; 0: the redirect itself is the answer)
    redirects_to: where they may lead: any (default; another origin gets neither secrets nor the client certificate,
        and a request with a body does not go there) or same-host (any port of the host in url)
    max_body: bytes of the body that are read (default 65536); more is cut and not waited for
    checks: limits on single values of a JSON body, as a list of tables; the worst of them and of expect counts
    unit: systemd unit that its recovery restarts first (default: openclaw-<id>.service, where there is such a unit)
    user: true: that is a unit of the user heartbeat runs as (systemctl --user)
    """

    url: str
    method: str = "GET"
    headers: dict[str, str] = {}  # noqa: RUF012 - a named tuple's default; never changed
    body: str | None = None
    accept: tuple[str, ...] = ("2xx",)
    expect: Literal["auto", "json", "contains", "regex", "none"] = "auto"
    json_path: str | None = None
    equals: str | None = None
    contains: str | None = None
    pattern: str | None = None
    verify_tls: bool = True
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    certificate_warn_days: int = 14
    redirects: int = 5
    redirects_to: Literal["any", "same-host"] = "any"
    max_body: int = 65_536
    checks: tuple[Check, ...] = ()
    unit: str | None = None
    user: bool = False


def ladder(settings: Settings) -> tuple[Mapping[str, Any], ...]:
    """The recovery steps that a component without a ladder of its own gets."""
    return LADDER if settings.unit is not None else (_GUESSED_UNIT, *LADDER[1:])


def host_of(settings: Settings) -> str | None:
    """The host that a check must reach."""
    return _http.host_of(settings.url)


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with the settings, as (key, text)."""
    found = [("url", text) for text in _http.url_problems(settings.url)]
    if not (settings.method.isascii() and settings.method.isalpha()):
        found.append(("method", f"{settings.method!r} is not an HTTP method like GET"))
    found += [("headers", text) for text in _http.header_problems(settings.headers)]
    if not settings.accept:
        found.append(("accept", "is empty; expected status codes like 200, 2xx or 200-299"))
    for code in settings.accept:
        if not _span(code):
            found.append(("accept", f"{code!r} is not a status code; expected 200, 2xx or 200-299"))
    for key in ("certificate_warn_days", "redirects", "max_body"):
        if getattr(settings, key) < 0:
            found.append((key, "must not be negative"))
    if settings.user and settings.unit is None:
        found.append(("user", "works only with unit"))
    if settings.checks:
        from heartbeat_cli.monitors import _checks  # few agents have any, and every pass pays for imports

        found += _checks.problems(settings.checks, "path")
    return found + _rule_problems(settings)


def _rule_problems(settings: Settings) -> list[tuple[str, str]]:
    """The rule's own key must be there, and the keys of other rules would silently do nothing."""
    found: list[tuple[str, str]] = []
    has_none = settings.json_path is settings.equals is settings.contains is settings.pattern is None
    if settings.expect == "auto" and has_none:  # as nearly all
        return found
    needed = {"json": "json_path", "contains": "contains", "regex": "pattern"}
    for rule, key in needed.items():
        given = getattr(settings, key)
        if settings.expect == rule and not given:
            found.append((key, f'is needed with expect = "{rule}"'))
        elif settings.expect != rule and given is not None:
            found.append((key, f'works only with expect = "{rule}"'))
    if settings.equals is not None and settings.expect != "json":
        found.append(("equals", 'works only with expect = "json"'))
    if settings.json_path and (wrong := json_path.path_problem(settings.json_path)):
        found.append(("json_path", wrong))
    try:
        if settings.pattern is not None:
            re.compile(settings.pattern)
    except (re.error, RecursionError, OverflowError) as error:
        found.append(("pattern", f"is not a regular expression: {error}"))
    return found


def request(settings: Settings, context: CheckContext) -> Request:
    """The exchange to make."""
    headers = tuple(settings.headers.items()) if settings.headers else ()
    if settings.body is not None and "content-type" not in {name.lower() for name, _ in headers}:
        kind = "application/json" if settings.body.lstrip()[:1] in ("{", "[") else "text/plain; charset=utf-8"
        headers += (("Content-Type", kind),)
    return Request(
        url=settings.url,
        method=settings.method.upper(),
        headers=headers,
        body=None if settings.body is None else settings.body.encode(),
        verify_tls=settings.verify_tls,
        ca_file=settings.ca_file,
        cert_file=settings.cert_file,
        key_file=settings.key_file,
        redirects=settings.redirects,
        same_host=settings.redirects_to == "same-host",
        max_body=settings.max_body,
    )


def explain(settings: Settings) -> Explain | None:
    """What asks systemd about its unit, where one is named."""
    if not settings.unit:
        return None
    from heartbeat_cli.monitors._unit import explained

    return partial(explained, settings.unit, settings.user)


class _Verdict(Record):
    status: Literal["healthy", "degraded", "unhealthy"]
    why: str | None = None
    category: Category | None = None


def read(settings: Settings, response: Response, context: CheckContext) -> Reading:
    """Judge what came back. Raises Unobservable when the trouble is heartbeat's own."""
    if response.fault is not None:
        reading = _http.no_answer(settings.url, response, context)
        return reading._replace(memory=_kept(settings, context))
    text = response.body.decode("utf-8", "replace").removeprefix("\ufeff")
    verdict = _judge(settings, response, text)
    verdict = _with_certificate(verdict, settings, response, context)
    metrics, evidence = _http.metrics(response, context), _http.evidence(response, verdict.status == "healthy")
    kept = _kept(settings, context)
    reading = Reading(verdict.status, response.elapsed, verdict.why, metrics, evidence, kept, category=verdict.category)
    if not settings.checks or not _accepted(response.status, settings.accept):
        return reading
    from heartbeat_cli.monitors import _checks

    cut = settings.max_body if response.truncated else None
    return _checks.on_json(reading, settings.checks, text, cut, context)


def _kept(settings: Settings, context: CheckContext) -> Mapping[str, Any]:
    """What the next check remembers where there is nothing for `checks` to judge."""
    return {MEMORY: context.memory[MEMORY]} if settings.checks and MEMORY in context.memory else {}


def _judge(settings: Settings, response: Response, text: str) -> _Verdict:
    if not _accepted(response.status, settings.accept):
        why = health_body.explanation(health_body.parse(text))
        return _Verdict("unhealthy", _http.status_line(response.status, why), _http.category_of_status(response.status))
    if settings.expect == "auto":
        return _judge_auto(text)
    if settings.expect == "json":
        return _judge_json(settings, response, text)
    if settings.expect == "contains" and (settings.contains or "") not in text:
        return _Verdict("unhealthy", Text("the answer does not contain {quoted}", quoted=_quoted(settings.contains)))
    if settings.expect == "regex" and not _matches(settings.pattern or "", text):
        return _Verdict("unhealthy", Text("the answer does not match {quoted}", quoted=_quoted(settings.pattern)))
    return _Verdict("healthy")


def _judge_auto(text: str) -> _Verdict:
    verdict = health_body.understand(health_body.parse(text))
    if verdict.opinion in (None, "healthy"):
        return _Verdict("healthy")
    line = Text("it says: {said}", said=one_line(verdict.said))
    return _Verdict(verdict.opinion, Text("{line} ({how})", line=line, how=verdict.why) if verdict.why else line)


def _judge_json(settings: Settings, response: Response, text: str) -> _Verdict:
    document = health_body.parse(text)
    if document is json_path.MISSING:
        line = Text("the answer is not JSON")
        if response.truncated:
            line = Text("the answer is not JSON (cut at max_body, {n} bytes)", n=settings.max_body)
        return _Verdict("unhealthy", line, "configuration" if health_body.is_page(text) else None)
    path = settings.json_path or ""
    value: Any = json_path.at_path(document, path)
    if value is json_path.MISSING:
        return _Verdict("unhealthy", Text("the answer has nothing at {path}", path=path))
    shown = _quoted(health_body.as_text(value))
    if settings.equals is not None:
        if health_body.as_text(value) == settings.equals:
            return _Verdict("healthy")
        line = Text("{path} is {value}, expected {wanted}", path=path, value=shown, wanted=_quoted(settings.equals))
        return _Verdict("unhealthy", line)
    opinion = health_body.judge_word(value) or "unhealthy"
    return _Verdict(opinion, None if opinion == "healthy" else Text("{path} is {value}", path=path, value=shown))


def _matches(pattern: str, text: str) -> bool:
    from heartbeat_cli.system.bounded_search import TooSlow, found

    try:
        return found(pattern, text)
    except TooSlow:
        raise Unobservable(Text("the pattern takes too long on this answer; use a simpler one, or contains")) from None


def _with_certificate(verdict: _Verdict, settings: Settings, response: Response, context: CheckContext) -> _Verdict:
    line = _http.certificate_warning(response, context, settings.certificate_warn_days)
    if line is None or verdict.status == "unhealthy":
        return verdict
    return _Verdict("degraded", joined([verdict.why, line]) if verdict.why else line, "certificate")


def _accepted(status: int, accept: tuple[str, ...]) -> bool:
    for code in accept:  # noqa: SIM110 - any() takes twice as long, and every check comes by here
        if status in _span(code):
            return True
    return False


@cache  # a thousand components ask for the same
def _span(code: str) -> range:
    """The status codes that `204`, `2xx` or `200-299` stands for; empty for anything else."""
    if code in ("2xx", "3xx"):  # as nearly all: that needs no pattern
        return range(int(code[0]) * 100, int(code[0]) * 100 + 100)
    match = re.fullmatch(_CODES, code.strip())
    if match is None:
        return range(0)
    hundred, low, high = match.groups()
    if hundred:
        return range(int(hundred) * 100, int(hundred) * 100 + 100)
    return range(int(low), int(high or low) + 1)


def _quoted(text: str | None) -> str:
    return f'"{one_line(text or "", 80)}"'
