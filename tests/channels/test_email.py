"""The e-mail channel against real SMTP servers: aiosmtpd, and scripted ones that hang, drip, refuse and cut."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.channels import email
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.errors import DeliveryError
from tests.parts.hostile import hostile_server, resets_at_once
from tests.parts.http import Certificate, certificate
from tests.parts.smtp import PASSWORD, USER, MailBox, says, smtp_server
from tests.parts.verb import heartbeat

HTML = "<b>主 🔥 is down</b>\n\n原因: 1 &lt; 2\n<pre>log\nline</pre>"
MESSAGE = Message("i-1/agent_down", "agent_down", "high", "主 🔥 is down", "原因: 1 < 2", HTML, "main", 1.5, "i-1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("ca"))


def settings(**more: Any) -> email.Settings:
    usual = {"host": "127.0.0.1", "security": "none", "from_": "hb@example.org", "to": ("a@example.org",)}
    return email.Settings(**(usual | more))


def send(port: int, message: Message = MESSAGE, timeout: float = 5, **more: Any) -> str | None:
    return email.send(settings(port=port, **more), message, timeout=timeout)


def refused(port: int, timeout: float = 5, **more: Any) -> tuple[str, bool, float | None]:
    begun = time.monotonic()
    with pytest.raises(DeliveryError) as raised:
        send(port, timeout=timeout, **more)
    assert time.monotonic() - begun < timeout + 2
    return str(raised.value).replace(f"127.0.0.1:{port}", "HERE"), raised.value.retryable, raised.value.retry_after


def bodies(box: MailBox, number: int = 0) -> tuple[str, str]:
    text, html = (box.mails[number].get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None and html is not None
    return text.get_content().replace("\r\n", "\n"), html.get_content().replace("\r\n", "\n")


def test_a_mail() -> None:
    with smtp_server() as box:
        send(box.port, from_="心跳 <hb@example.org>", to=("值班 <a@example.org>", "b@example.org"))
    (mail,) = box.mails
    assert box.readers == [["a@example.org", "b@example.org"]]
    shown = {name: str(mail[name]) for name in ("From", "To", "Subject", "Auto-Submitted", "Date")}
    assert shown == {
        "From": "心跳 <hb@example.org>",
        "To": "值班 <a@example.org>, b@example.org",
        "Subject": "主 🔥 is down",
        "Auto-Submitted": "auto-generated",
        "Date": "Thu, 01 Jan 1970 00:00:01 +0000",
    }
    facts = {name: mail[f"X-Heartbeat-{name}"] for name in ("Severity", "Type", "Component")}
    assert facts == {"Severity": "high", "Type": "agent_down", "Component": "main"}
    text, html = bodies(box)
    assert text == "主 🔥 is down\n\n原因: 1 < 2\n"
    assert ">主 🔥 is down</b><br>\n<br>\n原因: 1 &lt; 2<br>\n<pre style=" in html and ">log\nline</pre>" in html
    assert "#dc2626" in html and mail.get_content_type() == "multipart/alternative"
    assert box.raw[0].isascii() and max(map(len, box.raw[0].split(b"\r\n"))) < 998


def test_a_long_subject_is_not_folded_after_its_name() -> None:
    subject = "[agents-1] Resolved: Shop Assistant (was: a TLS certificate has expired, for a while)"
    with smtp_server() as box:
        send(box.port, MESSAGE._replace(title=subject, text="x" * 300))
    assert str(box.mails[0]["Subject"]) == subject
    assert max(map(len, box.mails[0].get_body(("plain",)).as_bytes().splitlines())) <= 78  # type: ignore[union-attr]


def test_the_same_message_has_the_same_id_and_others_have_not() -> None:
    with smtp_server() as box:
        for message in (
            MESSAGE,
            MESSAGE._replace(),
            MESSAGE._replace(id="i-1/recovered"),
            MESSAGE._replace(at=2.0, thread=None),
        ):
            send(box.port, message)
    ids = [mail["Message-ID"] for mail in box.mails]
    assert ids[0] == ids[1] and len(set(ids)) == 3
    assert all(re.fullmatch(r"<[0-9a-f]{32}\.heartbeat@example\.org>", id_) for id_ in ids)


def test_the_mails_of_an_incident_refer_to_one_ancestor() -> None:
    with smtp_server() as box:
        send(box.port)
        send(box.port, MESSAGE._replace(id="i-1/recovered", type="recovered", at=9.0))
        send(box.port, MESSAGE._replace(id="i-2/agent_down", thread="i-2"))
        send(box.port, MESSAGE._replace(thread=None))
    refers = [mail["References"] for mail in box.mails]
    assert refers[0] == refers[1] != refers[2] and refers[3] is None
    assert [mail["In-Reply-To"] for mail in box.mails] == refers
    assert "#16a34a" in bodies(box, 1)[1]


@pytest.mark.parametrize(
    "hostile",
    [
        "x\r\nBcc: evil@example.org\r\n\r\nbody",
        "\x00\x1b]0;x\x07\u202ey",
        "\ud83d",
        "=?utf-8?q?x?=",
        "主" * 5_000,
        ".\r\n.",
    ],
)
def test_hostile_words_stay_in_their_place(hostile: str) -> None:
    with smtp_server() as box:
        send(
            box.port,
            MESSAGE._replace(
                id=hostile, type=hostile, title=hostile, text=hostile, component=hostile, html="<script>x</script>"
            ),
        )
    (mail,) = box.mails
    assert mail["Bcc"] is None and box.readers == [["a@example.org"]]
    assert "<script" not in bodies(box)[1] and "&lt;script&gt;" in bodies(box)[1]
    assert not re.search("[\x00\x1b\x07\u202e]", str(mail["Subject"]) + "".join(bodies(box)))
    assert len(str(mail["Subject"])) <= 200


def test_dots_and_a_megabyte() -> None:
    with smtp_server() as box:
        send(box.port, MESSAGE._replace(title="t", text=".\n..\n" + "x" * 1_000_000, html="<b>" + "主" * 1_000_000))
    text, html = bodies(box)
    assert text.startswith("t\n\n.\n..\nxxx") and 100_000 < len(text) < 300_000
    assert "主" * 9 in html


def test_starttls_with_a_login(made: Certificate) -> None:
    with smtp_server(made, auth=True) as box:
        more = {"security": "starttls", "ca_file": str(made.cert), "username": USER, "password": PASSWORD}
        send(box.port, **more)
        assert (box.encrypted, box.logins) == ([True], [USER])
        said = refused(box.port, **(more | {"password": "wrong"}))
        assert said == ("HERE answered 535 5.7.8 Authentication credentials invalid", True, 300.0)


def test_tls_from_the_first_byte(made: Certificate) -> None:
    with smtp_server(made, tls=True) as box:
        send(box.port, security="tls", ca_file=str(made.cert))
        send(box.port, security="tls", verify_tls=False)
        assert box.encrypted == [True, True]


def test_a_certificate_nobody_knows(made: Certificate) -> None:
    with smtp_server(made) as box:
        text, *rest = refused(box.port, security="starttls")
        assert text == "HERE: its certificate is not accepted: self-signed certificate" and rest == [True, None]
        text, *rest = refused(box.port, security="starttls", ca_file="/none/ca.pem")
        assert text == "/none/ca.pem: cannot be used as ca_file: No such file or directory"
        assert (rest, box.mails) == ([True, 300.0], [])


def test_a_certificate_for_another_host(tmp_path: Path) -> None:
    other = certificate(tmp_path, host="DNS:mail.example.org")
    with smtp_server(other) as box:
        assert "IP address mismatch" in refused(box.port, security="starttls", ca_file=str(other.cert))[0]


def test_no_starttls_no_mail() -> None:
    with smtp_server() as box:
        said = refused(box.port, security="starttls")
        assert said == ("HERE: STARTTLS extension not supported by server.", True, 300.0)
        assert box.mails == []


def test_a_server_that_speaks_no_tls() -> None:
    with smtp_server() as box:
        text, retryable, _ = refused(box.port, security="tls")
        assert text.startswith("HERE: TLS failed: wrong version number") and retryable


def test_some_recipients_are_refused() -> None:
    with smtp_server() as box:
        box.refusals = {"b@example.org": "550 no such user"}
        said = send(box.port, to=("a@example.org", "b@example.org"))
        assert box.readers == [["a@example.org"]]
    assert said == "not taken for b@example.org (550 no such user); the others have it"


@pytest.mark.parametrize(
    ("first", "second", "retryable"),
    [("550 gone", "550 gone", False), ("550 gone", "450 greylisted", True), ("450 wait", "450 wait", True)],
)
def test_all_recipients_are_refused(first: str, second: str, retryable: bool) -> None:
    with smtp_server() as box:
        box.refusals = {"a@example.org": first, "b@example.org": second}
        said = refused(box.port, to=("a@example.org", "b@example.org"))
        assert said == (f"HERE refused a@example.org ({first}), b@example.org ({second})", retryable, None)


@pytest.mark.parametrize(
    ("sender", "data", "said"),
    [
        ("250 OK", "451 later", ("HERE answered 451 later", True, None)),
        ("250 OK", "554 spam", ("HERE answered 554 spam", False, None)),
        ("452 full", "250 OK", ("HERE answered 452 full", True, None)),
        ("550 who are you", "250 OK", ("HERE answered 550 who are you", True, 300.0)),
        ("552 too big", "250 OK", ("HERE answered 552 too big", False, None)),
    ],
)
def test_refusals(sender: str, data: str, said: tuple[str, bool, float | None]) -> None:
    with smtp_server() as box:
        box.sender, box.data = sender, data
        assert refused(box.port) == said
        box.sender = box.data = "250 OK"
        send(box.port)
        assert len(box.mails) == 1


OPENING = (b"220 hi", b"250 hi", b"250 ok", b"250 ok", b"354 go on")


@pytest.mark.whole
@pytest.mark.parametrize("how", ["hang", "drip"])
@pytest.mark.parametrize("after", range(6))
def test_one_deadline_over_the_whole_dialogue(after: int, how: str) -> None:
    with hostile_server(says(*OPENING[:after], then=how), read_request=False) as server:
        assert refused(server.port, timeout=2) == ("HERE: no complete answer within 2 s", True, None)


@pytest.mark.whole
@pytest.mark.parametrize("how", ["hang", "drip in TLS"])
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_the_deadline_holds_in_the_tls_handshake(how: str, security: str) -> None:
    before = (b"220 hi", b"250-hi\r\n250 STARTTLS", b"220 go on") if security == "starttls" else ()
    with hostile_server(says(*before, then=how), read_request=False) as server:
        said = refused(server.port, timeout=2, security=security)
        assert said == ("HERE: no complete answer within 2 s", True, None)


@pytest.mark.parametrize("after", range(6))
def test_the_connection_is_cut(after: int) -> None:
    with hostile_server(says(*OPENING[:after]), read_request=False) as server:
        assert refused(server.port) == ("HERE: the connection broke off", True, None)


def test_a_reset() -> None:
    with hostile_server(resets_at_once, read_request=False) as server:
        text, *rest = refused(server.port)
    assert text in ("HERE: the connection broke off", "no connection to HERE: connection reset by peer")
    assert rest == [True, None]


@pytest.mark.parametrize(
    ("greeting", "said"),
    [
        (b"421 busy", ("HERE answered 421 busy", True, None)),
        (b"554 no \xff\x1b you", ("HERE answered 554 no � you", True, 300.0)),
        (b"HTTP/1.1 400 Bad Request", ("HERE answered -1 /1.1 400 Bad Request", True, None)),
        (b"2" * 20_000, ("HERE answered 500 Line too long.", True, 300.0)),
    ],
)
def test_greetings(greeting: bytes, said: tuple[str, bool, float | None]) -> None:
    with hostile_server(says(greeting), read_request=False) as server:
        assert refused(server.port) == said


def test_what_is_taken_is_sent_whatever_follows() -> None:
    """The answer to the mail is the last one waited for."""
    with hostile_server(says(*OPENING, b"250 taken", then="hang"), read_request=False) as server:
        send(server.port, timeout=3)


def test_nobody_listens() -> None:
    assert refused(1) == ("no connection to HERE: connection refused", True, None)
    text, retryable, _ = refused(25, host="no.such.host.invalid")
    assert text.startswith("cannot find host no.such.host.invalid") and retryable


@pytest.mark.parametrize(
    ("more", "keys"),
    [
        ({}, []),
        ({"username": "u", "password": "p"}, []),
        ({"host": "mx", "username": "u", "password": "p"}, ["security"]),
        ({"host": "mx", "username": "u", "password": "p", "security": "tls"}, []),
        ({"username": "u"}, ["username"]),
        ({"username": "u", "password": "密碼"}, ["password"]),
        ({"port": 70_000}, ["port"]),
        ({"to": ()}, ["to"]),
        ({"to": ("a@b", "nobody"), "from_": "x\ny@z"}, ["from", "to"]),
    ],
)
def test_problems(more: dict[str, Any], keys: list[str]) -> None:
    found = email.problems(settings(**({"port": 25} | more)))
    assert [key for key, _ in found] == keys
    assert "密碼" not in str(found) and "\n" not in str(found)


def test_a_trial(tmp_path: Path) -> None:
    with smtp_server() as box:
        (tmp_path / "heartbeat.toml").write_text(
            f'[heartbeat]\nlocale = "zh-HK"\nstate_dir = "{tmp_path}/state"\n[channels.mail]\nkind = "email"\n'
            f'host = "127.0.0.1"\nport = {box.port}\nsecurity = "none"\nfrom = "a@x.org"\nto = ["b@x.org"]\n'
        )
        assert heartbeat(tmp_path, "notify", "--test", "mail") == (0, "mail：已發送\n", "")
        assert len(box.mails) == 1
        box.data = "554 spam"
        ended = heartbeat(tmp_path, "notify", "--test", "mail")
        assert ended == (1, f"mail：127.0.0.1:{box.port} answered 554 spam\n", "")
