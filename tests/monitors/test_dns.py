"""The dns monitor against a small real server, which also misbehaves."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.flags
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.kinds import dns_answer
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _dns_query
from heartbeat_cli.monitors import dns as monitor
from heartbeat_cli.monitors.dns import Settings
from heartbeat_cli.system.resolv_conf import nameservers
from tests.parts import dns_server, hostile
from tests.parts.dns_server import DnsServer
from tests.parts.verb import heartbeat


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer() as running:
        yield running


def check(server: DnsServer | int, name: str, kind: Any = "A", *, timeout: float = 10.0, **keys: Any) -> Reading:
    port = server if isinstance(server, int) else server.port
    settings = Settings(name, kind, "127.0.0.1", port, **keys)
    return monitor.probe(settings, CheckContext("name", timeout, 1_800_000_000.0))


def figures(reading: Reading) -> dict[str, float]:
    return {one.name: one.value for one in reading.metrics}


def test_a_name_that_resolves(server: DnsServer) -> None:
    found = check(server, "www.example.test")
    assert (found.status, found.error, found.category, found.evidence) == ("healthy", None, None, {})
    assert found.response_time is not None
    assert (figures(found)["records"], figures(found)["ttl_seconds"]) == (2, 300)
    assert server.asked == [("www.example.test.", "A", False)]


@pytest.mark.parametrize(
    ("name", "kind", "expect"),
    [
        ("www.example.test", "A", ["192.0.2.11", "192.0.2.10"]),
        ("WWW.Example.TEST.", "AAAA", ["2001:0db8:0:0:0:0:0:10"]),
        ("alias.example.test", "A", ["192.0.2.10", "192.0.2.11"]),
        ("alias.example.test", "CNAME", ["www.example.test"]),
        ("example.test", "MX", ["10 mail.example.test", "20 backup.example.test."]),
        ("example.test", "NS", ["NS1.example.test"]),
        ("example.test", "TXT", ["v=spf1 -all", "long text"]),
        ("example.test", "CAA", ["0 issue letsencrypt.org"]),
        ("example.test", "SOA", ["ns1.example.test admin.example.test 1 7200 3600 1209600 3600"]),
        ("_imap._tcp.example.test", "SRV", ["0 1 993 mail.example.test"]),
        ("10.2.0.192.in-addr.arpa", "PTR", ["www.example.test"]),
        ("192.0.2.10", "PTR", ["www.example.test"]),
    ],
)
def test_every_type_as_people_write_it(server: DnsServer, name: str, kind: str, expect: list[str]) -> None:
    found = check(server, name, kind, expect=tuple(expect), only=True)
    assert (found.status, found.error) == ("healthy", None)


def test_a_chain_lives_as_long_as_its_shortest_part(server: DnsServer) -> None:
    assert figures(check(server, "alias.example.test"))["ttl_seconds"] == 60


def test_what_is_not_as_expected(server: DnsServer) -> None:
    found = check(server, "www.example.test", expect=("192.0.2.99",))
    assert (found.status, found.category) == ("unhealthy", "configuration")
    assert found.error == "www.example.test: A is 192.0.2.10, 192.0.2.11, expected 192.0.2.99"
    assert found.evidence == {"records": "192.0.2.10\n192.0.2.11"} and found.response_time is not None
    assert check(server, "www.example.test", expect=("192.0.2.10",)).status == "healthy"
    found = check(server, "www.example.test", expect=("192.0.2.10",), only=True)
    assert found.error == "www.example.test: A has 192.0.2.11, which is not expected"
    found = check(server, "example.test", "TXT", expect=("V=spf1 -all",))
    assert found.status == "unhealthy", "in a text upper case matters"


def test_what_does_not_resolve(server: DnsServer) -> None:
    for name, kind, error in (
        ("gone.example.test", "A", "gone.example.test does not exist (NXDOMAIN)"),
        ("example.test", "A", "example.test has no A record"),
        ("loop.example.test", "A", "127.0.0.1 sent what is no answer: ChainTooLong"),
    ):
        found = check(server, name, kind)
        assert (found.status, found.category, found.error) == ("unhealthy", "configuration", error)
    server.answer = dns_server.refusing(dns.rcode.REFUSED)
    found = check(server, "www.example.test")
    assert (found.status, found.category) == ("unhealthy", "configuration")
    assert found.error == "127.0.0.1 does not answer this: REFUSED"
    server.answer = dns_server.refusing(dns.rcode.SERVFAIL)
    found = check(server, "www.example.test")
    assert (found.status, found.category, found.response_time) == ("error", "network", None)
    assert found.error == "127.0.0.1 could not find out (SERVFAIL)"


def test_an_answer_that_is_cut_off_is_asked_for_over_tcp(server: DnsServer) -> None:
    server.answer = dns_server.truncated
    assert check(server, "www.example.test").status == "healthy"
    assert [over_tcp for _, _, over_tcp in server.asked] == [False, True]
    server.asked.clear()
    server.answer = dns_server.from_zone
    assert check(server, "www.example.test", tcp=True).status == "healthy"
    assert [over_tcp for _, _, over_tcp in server.asked] == [True]


@pytest.mark.whole
@pytest.mark.parametrize("answer", [dns_server.silent, dns_server.wrong_id, dns_server.garbage])
@pytest.mark.parametrize("tcp", [False, True])
def test_no_answer_in_time(server: DnsServer, answer: Any, tcp: bool) -> None:
    """An answer to another question, or none that can be read, is passed over: anybody may have sent it."""
    server.answer = answer
    found = check(server, "www.example.test", timeout=0.8, tcp=tcp)
    assert (found.status, found.category, found.certain) == ("error", "network", False)
    assert found.error is not None and found.error.startswith("127.0.0.1 ")


@pytest.mark.parametrize("forged", [dns_server.wrong_id, dns_server.garbage])
def test_a_packet_that_is_no_answer_does_not_hide_the_answer(server: DnsServer, forged: Any) -> None:
    server.before = forged
    found = check(server, "www.example.test")
    assert (found.status, len(server.asked)) == ("healthy", 1)


@pytest.mark.whole
def test_a_lost_packet(server: DnsServer) -> None:
    server.answer = lambda query, tcp: None if len(server.asked) < 2 else dns_server.from_zone(query, tcp)
    assert check(server, "www.example.test", timeout=4.0).status == "healthy"


@pytest.mark.parametrize("tcp", [False, True])
def test_nobody_listens(tcp: bool) -> None:
    port = hostile.unused_port()
    found = check(port, "www.example.test", tcp=tcp)
    assert (found.status, found.category, found.certain) == ("error", "process", True)
    assert found.error == f"connection refused by 127.0.0.1:{port}"


def test_of_several_servers_the_first_that_knows_decides(server: DnsServer) -> None:
    def ask(*servers: str) -> Any:
        query = monitor._query(Settings("www.example.test"))
        return _dns_query.ask(query, servers, server.port, time.monotonic() + 5, tcp=False)

    assert ask("127.0.0.2", "127.0.0.1").server == "127.0.0.1"
    server.answer = dns_server.refusing(dns.rcode.NXDOMAIN)
    server.asked.clear()
    assert ask("127.0.0.1", "127.0.0.1").message.rcode() == dns.rcode.NXDOMAIN
    assert len(server.asked) == 1
    server.answer = dns_server.refusing(dns.rcode.SERVFAIL)
    assert ask("127.0.0.2", "127.0.0.1").message.rcode() == dns.rcode.SERVFAIL


def test_dnssec(server: DnsServer) -> None:
    found = check(server, "www.example.test", dnssec=True)
    assert (found.status, found.category) == ("unhealthy", "configuration")
    assert found.error == "the answer is not authenticated by DNSSEC (no AD flag)"
    assert server.queries[-1].flags & dns.flags.AD and server.queries[-1].ednsflags & dns.flags.DO
    server.answer = dns_server.authenticated
    assert check(server, "www.example.test", dnssec=True).status == "healthy"


def test_the_name_is_asked_for_as_it_stands(server: DnsServer) -> None:
    check(server, "intranet")
    assert server.asked == [("intranet.", "A", False)]
    found = check(server, "straße.example.test")
    assert found.status == "unhealthy" and server.asked[-1][0].isascii()


def test_a_name_that_is_none(server: DnsServer) -> None:
    with pytest.raises(Unobservable, match="is not a name"):
        check(server, "a..b")


def test_the_servers_of_this_host(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("# nameserver 192.0.2.9\nsearch example.test\nnameserver 192.0.2.1\nnameserver\nnameserver ::1 x\n")
    assert nameservers(str(path)) == ["192.0.2.1", "::1"]
    assert nameservers(str(tmp_path / "none")) == []


def test_the_host_that_must_be_reached() -> None:
    assert monitor.host_of(Settings("a", server="192.0.2.1")) == "192.0.2.1"
    assert monitor.host_of(Settings("a")) is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('query_name = ""', "query_name: '' is not a name"),
        (
            'query_name = "https://a.example/"',
            "query_name: expected a name such as www.example.org, and no address of a page",
        ),
        ('server = "dns.example"', "server: expected an IP address, got 'dns.example'"),
        ("port = 0", "port: expected 1 to 65535, got 0"),
        ("only = true", "only: works only with expect"),
        ('expect = ["www"]', "expect: 'www' is not an address"),
        ('type = "ANY"', "type: expected one of A, AAAA, CNAME"),
    ],
)
def test_mistakes_in_the_settings(tmp_path: Path, lines: str, said: str) -> None:
    name = "" if lines.startswith("query_name") else 'query_name = "a.example"\n'
    (tmp_path / "heartbeat.toml").write_text(f'[heartbeat]\n[components.web]\nkind = "dns"\n{name}{lines}\n')
    ended = heartbeat(tmp_path, "config", "check")
    assert ended.code == 2 and f"components.web.{said}" in ended.err


def configured(tmp_path: Path, server: DnsServer) -> None:
    (tmp_path / "heartbeat.toml").write_text(
        '[heartbeat]\n[components.web]\nkind = "dns"\nquery_name = "www.example.test"\nserver = "127.0.0.1"\n'
        f"port = {server.port}\n"
        '[components.good]\nkind = "command"\ncommand = ["/bin/true"]\n'
    )


def test_a_whole_check(tmp_path: Path, server: DnsServer) -> None:
    configured(tmp_path, server)
    assert heartbeat(tmp_path, "check").code == 0


def test_without_the_package_the_rest_goes_on(tmp_path: Path, server: DnsServer) -> None:
    """As where heartbeat was installed without the extra: said with what to install."""
    configured(tmp_path, server)
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "sitecustomize.py").write_text("import sys\nsys.modules['dns'] = None\n")
    ended = heartbeat(tmp_path, "config", "check", PYTHONPATH=str(tmp_path / "hidden"))
    line = "components.web: the package dnspython is not installed: pip install 'heartbeat-cli[dns]'"
    assert ended.code == 2 and line in ended.err
    ended = heartbeat(tmp_path, "check", PYTHONPATH=str(tmp_path / "hidden"))
    said = {line.split()[0]: line for line in ended.out.splitlines() if line[:1].isalpha()}
    assert " unknown " in said["web"] and "not installed" in said["web"] and " healthy " in said["good"]


_RECORDS = st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:DB8:0::1"]), max_size=4)


@given(found=_RECORDS, expect=_RECORDS, only=st.booleans())
def test_expected_records(found: list[str], expect: list[str], only: bool) -> None:
    have, want = ({dns_answer.canonical("AAAA", one) for one in some} for some in (found, expect))
    good = want <= have and not (only and want and have - want)
    assert (dns_answer.mistake("AAAA", found, expect, only) is None) is good


@given(st.text(max_size=20))
def test_a_record_is_itself_in_any_way_to_write_it(text: str) -> None:
    once = dns_answer.canonical("MX", text)
    assert dns_answer.canonical("MX", once) == once or '"' in text or "." in text
