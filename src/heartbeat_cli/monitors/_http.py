"""What the kinds that speak HTTP have in common: their addresses, and what an exchange says besides its answer."""

import re
from collections.abc import Mapping

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.exchange import Fault, Response
from heartbeat_cli.domain.checking.result import CheckContext, Metric
from heartbeat_cli.domain.plain import EVIDENCE, bounded, one_line
from heartbeat_cli.domain.text import Text

_DAY = 86_400.0
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.-]*[A-Za-z0-9](:[0-9]{1,4}|:[1-5][0-9]{4})?(/[!-~]*)?")
_SECONDS = {"unit": "s"}
_OF_FAULTS: Mapping[str, Category] = {"dns": "network", "route": "network", "tls": "configuration"}


def url_problems(url: str) -> list[str]:
    """What is wrong with an http or https address, as texts."""
    if _PLAIN_URL.fullmatch(url):  # as nearly all are: taking it apart costs ten times as much
        return []
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return [f"is not a URL: {error}"]
    if parts.scheme not in ("http", "https") or not host:
        return [f"{url!r} is not an address like http://localhost:8000/health"]
    ordinary = url.isascii() and url.isprintable() and " " not in url
    if not ordinary and any(sign <= " " or sign == "\x7f" for sign in url):
        return ["must not contain spaces or control characters"]
    return []


def category_of(fault: Fault, here: bool) -> Category | None:
    """The kind of failure behind an exchange without an answer; `here`: it was with this host, to which there always is
    a way."""
    return None if here and fault.kind == "route" else _OF_FAULTS.get(fault.kind)


def days_left(response: Response, context: CheckContext) -> float | None:
    """Days until the certificate ends, None where none was seen."""
    expires = response.certificate_expires
    return None if expires is None else (expires - context.now) / _DAY


def metrics(response: Response, context: CheckContext) -> tuple[Metric, ...]:
    """Each phase's own share of the time, and the days the certificate has left."""
    found, since = [], 0.0
    for phase in ("dns", "connect", "tls", "first_byte"):
        moment = response.phases.get(phase)
        if moment is not None:
            found.append(Metric(f"{phase}_seconds", max(0.0, moment - since), metadata=_SECONDS))
            since = moment
    days = days_left(response, context)
    if days is not None:
        found.append(Metric("certificate_days_left", days, metadata={"unit": "d"}))
    return tuple(found)


def evidence(response: Response) -> dict[str, str]:
    """How the exchange went, and the beginning of the body."""
    phases = ", ".join(f"{name} {seconds:.3f} s" for name, seconds in response.phases.items())
    head = f"HTTP {response.status}" if response.status else "no HTTP answer"
    found = {"http": f"{head} from {one_line(response.url)} ({phases})"}
    if response.body:
        found[Text("body")] = bounded(response.body[: EVIDENCE * 4].decode("utf-8", "replace"))
    return found
