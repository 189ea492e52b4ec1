"""What the kinds that speak HTTP have in common: their addresses, and what an exchange says besides its answer."""

import re
from collections.abc import Collection, Mapping, Sequence

from heartbeat_cli.domain.addresses import ordinary
from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.exchange import Fault, Response
from heartbeat_cli.domain.checking.isolation import is_remote
from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading
from heartbeat_cli.domain.plain import EVIDENCE, bounded, is_word, one_line, port
from heartbeat_cli.domain.text import Text, listed
from heartbeat_cli.errors import Unobservable

_DAY = 86_400.0
_SECONDS = {"unit": "s"}
_OF_FAULTS: Mapping[str, Category] = {
    "dns": "network",
    "route": "network",
    "tls": "configuration",
    "expired": "certificate",
}

_PHASES = {
    "dns": Text("name resolved after {s} s"),
    "connect": Text("connected after {s} s"),
    "tls": Text("TLS agreed on after {s} s"),
    "first_byte": Text("first byte after {s} s"),
    "total": Text("all after {s} s"),
}
_OF_STATUS: Mapping[int, Category] = {
    **dict.fromkeys((401, 403), "credentials"),
    402: "quota",
    **dict.fromkeys((404, 405, 410), "configuration"),
    429: "provider",
}


def url_problems(url: str) -> list[str]:
    """What is wrong with an http or https address, as texts."""
    if _is_plain(url):  # as nearly all are: taking it apart costs ten times as much
        return []
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:  # its text quotes a part of what may be a password
        return ["is not a URL: its host or its port cannot be read"]
    if parts.scheme not in ("http", "https") or not host:
        return ["is not an address like http://localhost:8000/health"]
    ordinary = url.isascii() and url.isprintable() and " " not in url
    if not ordinary and any(sign <= " " or sign == "\x7f" for sign in url):
        return ["must not contain spaces or control characters"]
    return []


def _is_plain(url: str) -> bool:
    """Whether it is an address with an ordinary name or number of a host, a port or none, and a path or none."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    scheme, _, rest = url.partition("://")
    place, _, _ = rest.partition("/")
    host, colon, number = place.partition(":")
    sound = scheme in ("http", "https") and host[-1:].isalnum() and is_word(host, ".-")
    return sound and (not colon or port(number) is not None)


def header_problems(headers: Mapping[str, str], ours: Collection[str] = ()) -> list[str]:
    """What is wrong with a table of request headers, as texts; `ours` are names, in lower case, that heartbeat sets."""
    found = []
    for name, value in headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or re.search(r"[\r\n\0]", value):
            found.append(f"{name!r}: a name is one word, and a value has no line breaks")
        elif name.lower() in ours:
            found.append(f"{name!r} is set by heartbeat itself")
    return found


def category_of(fault: Fault, here: bool) -> Category | None:
    """The kind of failure behind an exchange without an answer; `here`: it was with this host, to which there always is
    a way."""
    return None if here and fault.kind == "route" else _OF_FAULTS.get(fault.kind)


def category_of_status(status: int) -> Category | None:
    """The kind of failure behind a status code; None where it is the process's own, as far as one can tell."""
    return _OF_STATUS.get(status)


def status_line(status: int, why: str = "") -> str:
    """`HTTP 503 Service Unavailable`, and how the body explains it."""
    from http import HTTPStatus  # a healthy pass has no use for it

    name = next((one.phrase for one in HTTPStatus if one == status), "")
    line = f"HTTP {status} {name}".rstrip()
    return f"{line}: {why}" if why else line


def no_answer(url: str, response: Response, context: CheckContext) -> Reading:
    """The reading of an exchange with a fault. Raises Unobservable where the trouble is heartbeat's own."""
    fault = response.fault
    if fault is None or fault.kind in ("forbidden", "other"):
        raise Unobservable(fault.text if fault else "")
    here = not is_remote(host_of(url))
    certain, category = fault.refused and here, category_of(fault, here)
    found, said = metrics(response, context), evidence(response)
    return Reading("error", None, fault.text, found, said, certain=certain, category=category)


def series(text: str, selectors: Sequence[tuple[str, Mapping[str, str]]]) -> list[list[float]]:
    """The values of the series that each selector (metric, labels) selects on a page, which is read once. Raises
    Unobservable where they are beyond a bound."""
    from heartbeat_cli.domain.kinds import exposition

    try:
        return exposition.select(text, selectors)
    except exposition.BeyondBounds as error:
        raise Unobservable(error.text) from None


def host_of(url: str) -> str | None:
    """The host of an address."""
    if known := ordinary(url):
        return known.hostname
    from urllib.parse import urlsplit

    return urlsplit(url).hostname


def days_left(response: Response, context: CheckContext) -> float | None:
    """Days until the certificate ends, None where none was seen."""
    expires = response.certificate_expires
    return None if expires is None else (expires - context.now) / _DAY


def certificate_warning(response: Response, context: CheckContext, warn_days: float) -> Text | None:
    """What is said of a certificate that ends in fewer days than that; None where there is none to warn of."""
    expires = response.certificate_expires
    if expires is None or expires >= context.now + warn_days * _DAY:
        return None
    from heartbeat_cli.domain.kinds import certificates  # few certificates end soon

    return certificates.warning(expires, context.now)


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


def _after(phase: Text, seconds: str) -> Text:
    """Each answer of a pass has four of these: `with_values` would take three times as long."""
    return Text.known(phase.template.format(s=seconds), phase.template, {"s": seconds})


def evidence(response: Response, well: bool = False) -> dict[str, str]:
    """How the exchange went, and the beginning of the body. Of an answer that is `well` no message is made, and the
    phases are figures: a thousand good answers a pass take the short way."""
    found = {"http": f"HTTP {response.status} from {one_line(response.url)}" if well else _exchange(response)}
    if response.body:
        found[Text("body")] = bounded(response.body[: EVIDENCE * 4].decode("utf-8", "replace"))
    return found


def _exchange(response: Response) -> Text:
    head = Text("HTTP {status}", status=response.status) if response.status else Text("no HTTP answer")
    line = Text("{head} from {url}", head=head, url=one_line(response.url))
    if not (response.fault and response.fault.refused):  # without a connection there are no phases
        phases = listed(_after(_PHASES[name], f"{seconds:.3f}") for name, seconds in response.phases.items())
        line = Text("{line} ({phases})", line=line, phases=phases)
    return line
