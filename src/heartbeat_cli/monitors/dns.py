"""A name in the DNS: that it resolves, and to what.

healthy    the name has records of this type, and all that are expected
unhealthy  there is no such name or no such record; an expected record is missing, or another one there (`only`); the
           server refuses to answer; with `dnssec` the answer is not authenticated
error      no server answered, or none could find out (SERVFAIL)
unknown    there is no server to ask

The name is asked for as it stands: no search domain is added, and /etc/hosts is not read. Without `server` the
servers of /etc/resolv.conf are asked in turn. dnspython is optional: install heartbeat with its extra `dns`.

    [components.website]
    kind = "dns"
    query_name = "www.example.org"
    expect = ["192.0.2.10"]
"""

import time
from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.isolation import is_remote
from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading
from heartbeat_cli.domain.kinds import dns_answer
from heartbeat_cli.domain.kinds.dns_answer import Type
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable

if TYPE_CHECKING:
    import dns.message

    from heartbeat_cli.monitors._dns_query import Answer

_LACKING = Text(
    "the package {name} is not installed: {command}", name="dnspython", command="pip install 'heartbeat-cli[dns]'"
)
_SHARE = 0.95  # of the check's time: the rest is for the way back to the engine
_MOST_SERVERS = 3  # as resolv.conf(5) has it
_PAYLOAD = 1_232  # bytes of an answer over UDP that arrive everywhere: https://www.dnsflagday.net/2020/
_MOST_EVIDENCE = 20  # records


class Settings(Record):
    """The name, and what it must have.

    query_name: the name to ask for; for type PTR also an address
    type: type of the records
    server: address of the server to ask; default: those of /etc/resolv.conf, in turn
    port: port of the server
    expect: records that must be there, written as in a zone file: "192.0.2.10", "10 mail.example.org"
    only: true: no records but those in expect may be there
    tcp: true: ask over TCP only
    dnssec: true: the server must say that it has authenticated the answer (the flag AD); it must be one that validates
    """

    query_name: str
    type: Type = "A"
    server: str | None = None
    port: int = 53
    expect: tuple[str, ...] = ()
    only: bool = False
    tcp: bool = False
    dnssec: bool = False


def unavailable() -> str:
    """What is not there that this kind needs; empty when all is."""
    from importlib.util import find_spec

    return "" if find_spec("dns") else _LACKING


def host_of(settings: Settings) -> str | None:
    """The server that a check must reach, where one is named."""
    return settings.server


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with the settings, as (key, text)."""
    found = []
    name = settings.query_name.removesuffix(".")
    fits = all(0 < len(label) <= 63 for label in name.split("."))
    if not (len(name) <= 253 and (fits or _is_address(name))):
        found.append(("query_name", f"{settings.query_name[:80]!r} is not a name"))
    elif any(character.isspace() or character == "/" for character in name):
        found.append(("query_name", "expected a name such as www.example.org, and no address of a page"))
    if settings.server is not None and not _is_address(settings.server):
        found.append(("server", f"expected an IP address, got {settings.server[:80]!r}"))
    if not 1 <= settings.port <= 65_535:
        found.append(("port", f"expected 1 to 65535, got {settings.port}"))
    if settings.only and not settings.expect:
        found.append(("only", "works only with expect"))
    if settings.type in ("A", "AAAA"):
        found += [("expect", f"{one[:80]!r} is not an address") for one in settings.expect if not _is_address(one)]
    return found


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def probe(settings: Settings, context: CheckContext) -> Reading:
    """Ask and judge. Raises Unobservable where there is nobody to ask."""
    deadline = time.monotonic() + context.timeout * _SHARE
    from heartbeat_cli.monitors import _dns_query

    servers = [settings.server] if settings.server else _system_servers()
    query = _query(settings)
    try:
        answer = _dns_query.ask(query, servers, settings.port, deadline, tcp=settings.tcp)
    except _dns_query.NoAnswer as none:
        here = not is_remote(settings.server) and settings.server is not None
        category: Category = "process" if none.refused else "network"
        return Reading("error", error=str(none), certain=none.refused and here, category=category)
    return _judged(settings, answer)


def _system_servers() -> list[str]:
    from heartbeat_cli.system.resolv_conf import nameservers

    servers = [one for one in nameservers() if _is_address(one)][:_MOST_SERVERS]
    if not servers:
        raise Unobservable(Text("there is no name server in /etc/resolv.conf; set server"))
    return servers


def _query(settings: Settings) -> "dns.message.Message":
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.reversename

    try:
        if settings.type == "PTR" and _is_address(settings.query_name):
            name = dns.reversename.from_address(settings.query_name)
        else:
            name = dns.name.from_text(settings.query_name)
        query = dns.message.make_query(name, settings.type, use_edns=0, want_dnssec=settings.dnssec, payload=_PAYLOAD)
    except (dns.exception.DNSException, UnicodeError) as error:
        why = one_line(str(error), 120)
        raise Unobservable(
            Text("{name} is not a name: {why}", name=one_line(settings.query_name, 80), why=why)
        ) from None
    if settings.dnssec:
        query.flags |= dns.flags.AD
    return query


def _judged(settings: Settings, answer: "Answer") -> Reading:
    import dns.exception
    import dns.flags
    import dns.message
    import dns.rcode

    message, name = answer.message, one_line(settings.query_name, 80)
    good = Reading("healthy", answer.seconds, metrics=(Metric("query_seconds", answer.seconds),))
    wrong = good._replace(status="unhealthy", category="configuration")
    rcode = message.rcode()
    if rcode == dns.rcode.SERVFAIL:
        text = Text("{server} could not find out (SERVFAIL)", server=answer.server)
        return Reading("error", error=text, category="network")
    if rcode == dns.rcode.NXDOMAIN:
        return wrong._replace(error=Text("{name} does not exist (NXDOMAIN)", name=name))
    if rcode != dns.rcode.NOERROR:
        text = Text("{server} does not answer this: {code}", server=answer.server, code=dns.rcode.to_text(rcode))
        return wrong._replace(error=text)
    try:
        if not isinstance(message, dns.message.QueryMessage):
            raise dns.exception.FormError
        chain = message.resolve_chaining()
    except dns.exception.DNSException as error:
        text = Text("{server} sent what is no answer: {why}", server=answer.server, why=type(error).__name__)
        return wrong._replace(error=text)
    if not chain.answer:
        return wrong._replace(error=Text("{name} has no {type} record", name=name, type=settings.type))
    found = sorted(_text(settings.type, one) for one in chain.answer)
    mistake = _mistake(settings, found, bool(message.flags & dns.flags.AD))
    metrics = (Metric("records", float(len(found))), Metric("ttl_seconds", float(chain.minimum_ttl)))
    reading = good if mistake is None else wrong._replace(error=mistake)
    evidence: Mapping[str, str] = {Text("records"): "\n".join(found[:_MOST_EVIDENCE])} if mistake else {}
    return reading._replace(evidence=evidence, metrics=(*good.metrics, *metrics))


def _mistake(settings: Settings, found: list[str], authenticated: bool) -> str | None:
    """What is wrong with the records that were found; None where they are as expected."""
    if what := dns_answer.mistake(settings.type, found, settings.expect, settings.only):
        return Text("{name}: {what}", name=one_line(settings.query_name, 80), what=what)
    if settings.dnssec and not authenticated:
        return Text("the answer is not authenticated by DNSSEC (no AD flag)")
    return None


def _text(kind: Type, record: Any) -> str:
    """A record as a zone file has it; a TXT record without its quotation marks."""
    if kind == "TXT":
        return str(b"".join(record.strings), "utf-8", "replace")
    return str(record.to_text())
