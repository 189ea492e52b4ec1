"""Apprise in a process of its own: `python -m heartbeat_cli.channels._apprise_child`, started by `apprise.py`.

A hundred plugins read what a service answers, each with a library of its own and none with a bound. Here memory has one
that the kernel keeps, the process is killed at its deadline, and no redirect takes a message or a token to another
origin.
What to send comes as JSON on standard input, what became of it goes as JSON to standard output.
"""

import json
import logging
import os
import re
import resource
import signal
import sys
from typing import Any
from urllib.parse import urljoin, urlsplit

_MEMORY = 67_108_864  # bytes for one message and its answer, besides Apprise itself
_LOGGED = 2_000  # characters
# @**all** is Zulip's, @room Matrix's, <at …> Lark's.
_MARKS = re.compile(
    r"@(?=_?\*|everyone|here)|(?<!\w)@(?=(?:channel|all|room|topic|team|stream)\b)|<(?=at\b|[@!#&])|\](?=[(\[:])", re.I
)


def main() -> None:
    """Send one message. What it says: `taken`, or `trouble`: lacking, address or refused, with what Apprise logged."""
    output = os.dup(1)
    os.dup2(2, 1)  # whatever a plugin prints
    given = json.load(sys.stdin)
    signal.alarm(int(given["timeout"]) + 2)  # should nobody be there any more to end it
    said = _sent(given)
    with os.fdopen(output, "w") as file:
        json.dump(said, file)


def _sent(given: dict[str, Any]) -> dict[str, Any]:
    try:
        import apprise
    except ImportError:
        return {"trouble": "lacking"}
    heard: list[str] = []
    logging.getLogger("apprise").addHandler(_listener(heard))
    _keep_to_origin()
    _bound_memory()
    service: Any = None
    try:
        service = apprise.Apprise.instantiate(given["url"])
        if service is None:
            return {"trouble": "address", "heard": heard[:1]}
        if "overflow=" not in given["url"]:
            service.overflow_mode = apprise.OverflowMode.TRUNCATE
        kind, plain = apprise.NotifyType(given["kind"]), apprise.NotifyFormat.TEXT
        body, title = (_without_marks(given[name]) for name in ("body", "title"))
        taken = service.notify(body=body, title=title, body_format=plain, notify_type=kind)
    except Exception as error:  # a hundred plugins of others
        return {"trouble": "failed", "error": type(error).__name__}
    # Apprise answers the same to a refusal and to an answer that was lost.
    name = str(service.service_name)
    return {"taken": True} if taken else {"trouble": "refused", "service": name, "heard": heard[:1]}


def _without_marks(text: str) -> str:
    """The text, with an invisible sign in what Discord, Mattermost and others take for a mention of everybody or for a
    link behind other words: a target says what it likes, and Apprise escapes nothing there."""
    return _MARKS.sub("\\g<0>\u2060", text)


def _listener(heard: list[str]) -> logging.Handler:
    """Collects what Apprise logs: it answers False whatever the cause, and only its log says why."""

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING and not heard:
                heard.append(record.getMessage()[:_LOGGED])

    return Listener()


def _bound_memory() -> None:
    """From here on the process gets so much and no more; then Python raises MemoryError."""
    with open("/proc/self/status", encoding="ascii") as file:
        used = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmData"))
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = used + _MEMORY if hard == resource.RLIM_INFINITY else min(hard, used + _MEMORY)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _keep_to_origin() -> None:
    """Have `requests`, which most plugins use, take a redirect to another origin for the answer."""
    import requests

    usual = requests.Session.get_redirect_target

    def within(self: Any, resp: requests.Response) -> str | None:
        target = usual(self, resp)
        if target is None or _origin(urljoin(resp.url, target)) == _origin(resp.url):
            return target
        resp.headers.pop("Location", None)
        return None

    requests.Session.get_redirect_target = within  # type: ignore[method-assign]


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port
    except ValueError:
        return "", None, None


if __name__ == "__main__":
    main()
