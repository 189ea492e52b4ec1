"""Call a hook: an orchestrator's restart URL, an automation, an agent's own reset.

Any 2xx answer is `done`, 401 and 403 are `denied`, anything else is `failed`. A redirect counts as failed, because
following it would turn a POST into a GET. Only the host of the URL is stored and shown: paths and queries of hooks
often are their password.

    [components.main.recovery]
    ladder = [{ action = "http", url = "http://localhost:9000/hooks/restart-main" }]
"""

from typing import Literal

from heartbeat_cli.domain import plain
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.recovery.outcome import Outcome
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.http import call as http_call

_OUTPUT = 4_000
_DENIED = (401, 403)
_NOTHING: dict[str, str] = {}


class Settings(Record):
    """Which hook to call, and how.

    url: address of the hook, http or https
    method: HTTP method
    headers: headers to send; an Authorization may be given as "env:NAME" or "file:PATH"
    body: text to send; default: none
    verify_tls: check the certificate
    proxy: proxy to go through; default: that of [heartbeat]
    """

    url: str
    method: Literal["POST", "GET", "PUT", "PATCH", "DELETE"] = "POST"
    headers: dict[str, str] = _NOTHING
    body: str | None = None
    verify_tls: bool = True
    proxy: str | None = None


def problems(settings: Settings) -> list[tuple[str, str]]:
    found = []
    if http_call.host(settings.url) is None:
        found.append(("url", "expected http://host/path or https://host/path"))
    found += [
        ("headers", f"{name[:40]!r} holds a line break")
        for name, value in settings.headers.items()
        if any(sign in name + value for sign in "\r\n")
    ]
    return found


def run(settings: Settings, *, timeout: float) -> Outcome:
    if http_call.host(settings.url) is None:
        return Outcome("refused", Text("url is not an http or https address"))
    try:
        answer = http_call.make(call(settings)._replace(keep=_OUTPUT), timeout)
    except http_call.NoAnswer as error:
        return Outcome("failed", Text("hook at {error}", error=str(error)))
    return _judge(http_call.host(settings.url) or "", answer)


def call(settings: Settings) -> http_call.Call:
    """What is to be sent, as configured."""
    body = None if settings.body is None else settings.body.encode()
    made = http_call.Call(settings.url, settings.method, settings.headers, body, settings.verify_tls)
    return made._replace(proxy=settings.proxy)


def _judge(host: str, answer: http_call.Answer) -> Outcome:
    status, output = answer.status, plain.bounded(answer.body, _OUTPUT)
    if 200 <= status < 300:
        return Outcome("done", Text("hook at {host} answered {status}", host=host, status=status), output)
    said = Text("hook at {host} answered {status}", host=host, status=status)
    if status in _DENIED:
        mend = Text("give this step what it wants to be let in, as headers")
        return Outcome("denied", joined([said, mend]), output)
    if 300 <= status < 400:
        said = Text("hook at {host} answered {status} (redirects are not followed)", host=host, status=status)
    return Outcome("failed", said, output)
