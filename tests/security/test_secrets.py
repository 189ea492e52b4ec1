"""A secret is never shown: not when a target echoes it in another encoding, not cut off, not when it is the mistake."""

import base64
import html
import json
import os
import quopri
import re
import sqlite3
import subprocess
import sys
import threading
import time
import tomllib
import unicodedata
import urllib.parse
from contextlib import closing
from html.entities import codepoint2name
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.redact import BLOT, redact
from tests.parts.docker import RunContainer, inspect, wait_for
from tests.parts.verb import heartbeat

UMLAUTS = 'Gänse(füße)/ma~l*3\'="x"!&ab'
PASSWORD = 'p@ss/w"rd+<&> 7é'
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\nAAAEbm9uZQ+/qfake99=\n-----END-----\n"


def encodings(secret: str) -> dict[str, str]:
    """What a careless target may make of a secret."""
    raw = secret.encode()
    return {
        "as it is": secret,
        "percent": urllib.parse.quote(secret, safe=""),
        "percent, path": urllib.parse.quote(secret),
        "form": urllib.parse.quote_plus(secret),
        "html": html.escape(secret),
        "json": json.dumps(secret)[1:-1],
        "json, not ASCII": json.dumps(secret, ensure_ascii=False)[1:-1],
        "python": repr(secret)[1:-1],
        "base64": base64.b64encode(raw).decode(),
        "base64 inside": base64.b64encode(b"user:" + raw + b"!").decode(),
        "base64 inside, one later": base64.b64encode(b"a-user:" + raw).decode(),
        "base64 for URLs": base64.urlsafe_b64encode(raw).decode().rstrip("="),
        "hex": raw.hex(),
        "HEX": raw.hex().upper(),
        "percent, twice": urllib.parse.quote(urllib.parse.quote(secret, safe=""), safe=""),
        "percent, every byte": "".join(f"%{byte:02x}" for byte in raw),
        "json in json": json.dumps(json.dumps(secret)[1:-1])[1:-1],
        "json of Go": json.dumps(secret)[1:-1].translate({ord(char): f"\\u{ord(char):04x}" for char in "<>&"}),
        "json, every character": "".join(f"\\u{ord(char):04x}" for char in secret),
        "html, every character": "".join(f"&#{ord(char)};" for char in secret),
        "html, every character in hex": "".join(f"&#x{ord(char):x};" for char in secret),
        "html of PHP": html.escape(secret).replace("&#x27;", "&#039;"),
        "XML": html.escape(secret).replace("&#x27;", "&apos;"),
        "html in json": json.dumps(html.escape(secret))[1:-1],
        "json, every character, in json": "".join(f"\\\\u{ord(char):04x}" for char in secret),
        "html, twice": html.escape(html.escape(secret)),
        "SQL": secret.replace("'", "''"),
        "shell": secret.replace("'", "'\\''"),
        "libpq": secret.replace("\\", "\\\\").replace("'", "\\'"),
        "quoted-printable": secret.replace("=", "=3D"),
        "hex with colons": raw.hex(":"),
        "HEX with spaces": raw.hex(" ").upper(),
        "C, every byte": "".join(f"\\x{byte:02x}" for byte in raw),
        "octal, every byte": "".join(f"\\{byte:03o}" for byte in raw),
        "UTF-16": secret.encode("utf-16-le").decode("latin-1").rstrip("\0") if secret.isascii() else "\0".join(secret),
        "UTF-16, cleaned": " ".join(secret),
        "base64, UTF-16": base64.b64encode(secret.encode("utf-16-le")).decode(),
        "percent, of JavaScript": urllib.parse.quote(secret, safe="!*'()~"),
        "percent, of JavaScript, as a whole": urllib.parse.quote(secret, safe=";,/?:@&=+$!*'()#~"),
        "percent, of Java": urllib.parse.quote_plus(secret, safe="*").replace("~", "%7E"),
        "percent, HEX and hex": urllib.parse.quote(secret, safe="").replace("%2F", "%2f"),
        "percent in html in json": json.dumps(html.escape(urllib.parse.quote(secret, safe="!*'()~")))[1:-1],
        "addslashes": re.sub(r"""(['"\\])""", r"\\\1", secret),
        "ASCII": ascii(secret)[1:-1],
        "bytes": repr(raw)[2:-1],
        "html, named": "".join(f"&{name};" if (name := codepoint2name.get(ord(char))) else char for char in secret),
        "html, beyond ASCII": secret.encode("ascii", "xmlcharrefreplace").decode(),
        "mail": quopri.encodestring(raw, quotetabs=False).decode(),
        "Latin-1, read as UTF-8": secret.encode("latin-1", "replace").decode("utf-8", "replace"),
        "UTF-8, read as Latin-1": raw.decode("latin-1"),
        "UTF-8, read as Windows' own": raw.decode("cp1252", "replace"),
        "UTF-8, read as ASCII": raw.decode("ascii", "replace"),
        "only ASCII": secret.encode("ascii", "replace").decode(),
        "bytes of Go": f"[{' '.join(map(str, raw))}]",
        "bytes of Rust": f"[{', '.join(map(str, raw))}]",
        "bytes of Node": f"[{','.join(map(str, raw))}]",
        "bytes of C": ", ".join(f"0x{byte:02x}" for byte in raw),
        "bytes of C, HEX": ", ".join(f"0x{byte:02X}" for byte in raw),
        "hex, UTF-16BE": secret.encode("utf-16-be").hex(),
        "composed": unicodedata.normalize("NFC", secret),
        "decomposed": unicodedata.normalize("NFD", secret),
        "base64, Latin-1": base64.b64encode(secret.encode("latin-1", "replace")).decode(),
    }


@pytest.mark.parametrize("how", encodings("x"))
@pytest.mark.parametrize("secret", [PASSWORD, "hunter2-hunter2", "ab1!", "it's=a\\q'te", KEY.strip(), UMLAUTS])
def test_no_encoding_of_a_secret_passes(secret: str, how: str) -> None:
    form = encodings(secret)[how]
    shown = redact(f"you sent {form} to us", {secret})
    assert BLOT in shown
    before = {"base64 inside": b"user:", "base64 inside, one later": b"a-user:"}.get(how, b"")
    first, last = 0, len(form)
    if "base64" in how:  # the letters that hold nothing but bits of the secret
        written = "utf-16-le" if "UTF-16" in how else "latin-1" if "Latin-1" in how else "utf-8"
        length = len(secret.encode(written, "replace"))
        first, last = -(-len(before) * 8 // 6), (len(before) + length) * 8 // 6
    assert not [at for at in range(first, last - 3) if form[at : at + 4] in shown]


def test_the_decoded_form_of_an_encoded_secret_is_one_too() -> None:
    """A DSN says p%40ss and means p@ss."""
    assert redact("denied for p@ss-word1", {"p%40ss-word1"}) == f"denied for {BLOT}"
    assert "p@ss" not in redact(base64.b64encode(b"x:p@ss-word1").decode(), {"p%40ss-word1"})


@pytest.mark.parametrize("cut", range(10, 24))
def test_a_secret_that_a_limit_cut_off_is_hidden(cut: int) -> None:
    """Whoever shortened it could not know: the rest of it stands at the end, before the sign of the cut."""
    secret = "sk-live-0123456789abcdefghijkl"
    for end in ("", "…", "…'", "'", '…" (500)'):
        assert secret[:9] not in redact(f"got {secret[:cut]}{end}", {secret})
    assert secret[cut:] not in redact(f"…{secret[cut:]} and more", {secret})


@pytest.mark.parametrize("cut", range(10, 20))
def test_a_secret_in_pieces_is_hidden(cut: int) -> None:
    """The line ends in it, or it was cut on both sides."""
    secret = "sk-live-0123456789abcdefghijkl"
    for end in ("\n", "\r\n", "\\n", "\nnext line", f"\n{secret[cut]}ther", "; next", "\ufffd"):
        assert secret[:9] not in redact(f"got {secret[:cut]}{end}", {secret}), end
    for end in ("", "…", "\n", "; next"):
        assert secret[cut:28] not in redact(f"…{secret[cut:28]}{end}", {secret}), end


LONG = "sk-live-" + "".join(map(str, range(60)))


def wrapped(text: str, width: int, between: str) -> str:
    return between.join(text[at : at + width] for at in range(0, len(text), width))


LINE_ENDS = ["\n", "\r\n", "\n    ", "\r\n\t", "\\n", "\\r\\n", "=\n", "=\r\n"]
# Made one space, the end of a line is found only behind the first four characters.
WRAPPED = [(width, end) for width in (8, 10, 64, 76) for end in LINE_ENDS] + [(64, " "), (76, " ")]


@pytest.mark.parametrize(("width", "between"), WRAPPED)
@pytest.mark.parametrize("how", ["as it is", "base64", "base64 inside", "hex", "percent"])
def test_a_secret_in_lines_is_hidden(how: str, width: int, between: str) -> None:
    """As MIME and PEM wrap base64, quoted-printable and folded headers wrap all; in JSON, and made one line."""
    form = encodings(LONG)[how]
    before = 7 if how == "base64 inside" else 0  # letters of `user:`
    shown = redact(f"it said: {wrapped(form, width, between)} and no more", {LONG})
    rest = "".join(shown.split())
    assert BLOT in shown and not [at for at in range(before, len(form) - 9) if form[at : at + 6] in rest]
    assert shown.startswith("it said: ") and shown.endswith(" and no more")


def test_a_secret_in_lines_that_a_limit_cut_off_is_hidden() -> None:
    shown = redact(f"it said: {wrapped(LONG, 40, chr(10))[:70]}", {LONG})
    assert shown == f"it said: {BLOT}"


@pytest.mark.parametrize("text", ["aaaa\n" * 20_000, "a" * 100_000, "aaa\\n" * 20_000])
def test_a_text_that_repeats_a_secret_that_repeats_itself_is_soon_done(text: str) -> None:
    """Half a minute of CPU otherwise; what was not compared is hidden."""
    before = time.process_time()
    shown = redact(f"it said: {text}", {"a" * 2_000 + "b"})
    assert shown.startswith("it said: ") and len(shown) < 100_100
    assert time.process_time() - before < 5


def test_a_text_full_of_cuts_is_soon_done() -> None:
    """After each of them the end of any form of any secret may stand."""
    secrets = frozenset(f"sk-live-{number:04}-{number * 7919:09}" for number in range(200))
    begun = time.process_time()
    for text in ("…abcd" * 800, "".join(f"…{number:04}" for number in range(800)), "…live" * 800):
        redact(text, secrets)
    assert time.process_time() - begun < 4
    assert "0007-000055433" not in redact(f"…{'…ab ' * 20}…live-0007-000055433 is wrong", secrets)


def test_a_text_full_of_escapes_is_soon_done() -> None:
    secrets = frozenset(f"sk-live-{number:04}-{number * 7919:09}" for number in range(200))
    begun = time.process_time()
    for text in ("%41" * 5_000, "&" * 20_000, "\\" * 20_000, "%2525252541" * 2_000, "\\u0041" * 3_000, "=41" * 5_000):
        redact(text, secrets)
    assert time.process_time() - begun < 4


def test_words_of_several_lines_that_only_begin_alike_stay() -> None:
    text = "the test\ncase of a\nlonger\nlist"
    assert redact(text, {"test-case", "casework", "longerlife"}) == text


def test_overlapping_secrets_leave_nothing_between_them() -> None:
    assert redact("xx abcdefgh yy", {"abcde", "cdefgh"}) == f"xx {BLOT} yy"


@pytest.mark.parametrize("text", ["http://localhost:8001/health answered 503", "scheme is http", "host db refused"])
def test_ordinary_words_that_begin_like_a_secret_stay(text: str) -> None:
    assert redact(text, {"http://localhost:8000/health/abcdef", "https://hooks.example/T0/B0", "db-password-1"}) == text


@given(st.text(min_size=8, max_size=40), st.text(max_size=30), st.text(max_size=30))
def test_whatever_stands_around_it(secret: str, before: str, after: str) -> None:
    assert secret not in redact(before + secret + after, {secret}) or secret in BLOT * 20


def test_many_secrets_cost_one_walk_through_a_text() -> None:
    """Five hundred secrets in every encoding: a text of a megabyte is walked through once, not once for each."""
    secrets = frozenset(f"secret-number-{n:05d}" for n in range(500))
    redact("warm", secrets)
    few, many = (_seconds(some) for some in (frozenset(list(secrets)[:2]), secrets))
    assert many < few * 10 + 1


def _seconds(secrets: frozenset[str]) -> float:
    begun = time.process_time()
    redact("nothing of it here; " * 50_000, secrets)
    return time.process_time() - begun


# --- a value that is the mistake ----------------------------------------------------------------------------------


def _pieces(key: str) -> list[str]:
    """What would give the key away: any eight signs of it that are not mere dashes."""
    flat = [word for word in key.split() if set(word) != {"-"}]
    return [word[at : at + 8] for word in flat for at in range(max(1, len(word) - 7)) if len(word) >= 6]


@pytest.mark.parametrize("source", ["file", "env"])
@pytest.mark.parametrize(
    "table",
    [
        '[components.a]\nkind = "agent"\nurl = {}\n',
        '[components.a]\nkind = "agent"\nurl = "http://127.0.0.1:1/"\nmethod = {}\n',
        '[components.a]\nkind = "agent"\nurl = "http://127.0.0.1:1/"\nheaders = {{ X-Key = {} }}\n',
        '[components.a]\nkind = "agent"\nurl = "http://127.0.0.1:1/"\nexpect = "regex"\npattern = {}\n',
        '[components.a]\nkind = "agent"\nurl = "http://127.0.0.1:1/"\ninterval = {}\n',
        '[components.a]\nkind = "database"\ndsn = {}\n',
        '[components.a]\nkind = "tcp"\nhost = {}\nport = 1\n',
        '[components.a]\nkind = "tcp"\nhost = "127.0.0.1"\nport = {}\n',
        '[components.a]\nkind = "docker"\ncontainer = "x"\nhost = {}\n',
        '[components.a]\nkind = "command"\ncommand = [{}]\n',
        '[components.a]\nkind = "host"\nmounts = [{}]\n',
        '[channels.c]\nkind = "telegram"\ntoken = {}\nchat_id = "1"\n',
        '[channels.c]\nkind = "telegram"\ntoken = "1:aaaaaaaaaa"\nchat_id = "1"\nbase_url = {}\n',
        '[channels.c]\nkind = "webhook"\nurl = {}\n',
        '[channels.c]\nkind = "email"\nhost = {}\nfrom = "a@example.org"\nto = ["b@example.org"]\n',
        '[channels.c]\nkind = "email"\nhost = "127.0.0.1"\nfrom = {}\nto = ["b@example.org"]\n',
        '[channels.c]\nkind = "email"\nhost = "127.0.0.1"\nfrom = "a@example.org"\nto = [{}]\n',
        "[heartbeat]\nstore = {}\n",
        "[heartbeat]\nping_url = {}\n",
        "[heartbeat]\nreference = [{}]\n",
        "[report]\navailability_target = {}\n",
    ],
)
def test_a_private_key_given_as_a_value_never_shows(tmp_path: Path, table: str, source: str) -> None:
    """Somebody names the wrong file. Whatever is said of it, by whatever verb, says nothing that is in it."""
    (tmp_path / "key").write_text(KEY)
    reference = f'"file:{tmp_path / "key"}"' if source == "file" else '"env:HB_KEY"'
    own = "" if table.startswith("[heartbeat]") else "[heartbeat]\n"
    (tmp_path / "hb.toml").write_text(own + f'state_dir = "{tmp_path}/state"\n' * bool(own) + table.format(reference))
    env = {"HB_KEY": KEY}
    for verb in (["config", "check"], ["config", "show"], ["check", "--all"], ["status"], ["run", "-v"]):
        done = heartbeat(tmp_path, "--config", "hb.toml", *verb, **env)
        for piece in _pieces(KEY):
            assert piece not in done.out + done.err, (verb, done.out, done.err)
        assert "Traceback" not in done.err and "internal error" not in done.err, (verb, done.err)


# --- what a target echoes -----------------------------------------------------------------------------------------


class _Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        key = self.headers["X-Key"]
        body = json.dumps({"status": "fail", "output": f"{'x' * int(self.path[1:])}{key} {encodings(key)}"}).encode()
        self.send_response(500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("before", [0, 150, 170, 180, 190])
def test_an_echoed_header_stays_hidden(tmp_path: Path, before: int) -> None:
    """Wherever the limit of a line cuts it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    secret = "tk-4f9a-p@ss/w0rd-77xyz"
    try:
        (tmp_path / "hb.toml").write_text(
            f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[components.a]\nkind = "agent"\n'
            f'url = "http://127.0.0.1:{server.server_port}/{before}"\nheaders = {{ X-Key = "env:HB_KEY" }}\n'
        )
        said = ""
        for verb in (["check", "--all", "--format", "json"], ["doctor"], ["status"], ["report", "--format", "json"]):
            done = heartbeat(tmp_path, "--config", "hb.toml", *verb, HB_KEY=secret)
            said += done.out + done.err
    finally:
        server.shutdown()
        server.server_close()
    assert "500" in said
    for form in encodings(secret).values():
        assert form[:12] not in said and form[-12:] not in said


class _Repeats(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps({"error": f"nothing at {self.path}, {self.path.encode().hex()}"}).encode()
        self.send_response(404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("source", ["env", "file"])
def test_a_secret_in_the_path_of_an_address_stays_hidden_where_the_answer_repeats_it(
    tmp_path: Path, source: str
) -> None:
    """A webhook's address is its password, and `no such hook: /services/…` is what many servers say."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Repeats)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    words = ["T0QK4ZB81", "xoxQwErTy7Zulu", "onlysmalllettersandnofigures"]
    address = f"http://127.0.0.1:{server.server_port}/services/{words[0]}/{words[1]}?who={words[2]}"
    (tmp_path / "address").write_text(address)
    given = f'"file:{tmp_path / "address"}"' if source == "file" else '"env:HB_ADDRESS"'
    (tmp_path / "hb.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[channels.c]\nkind = "webhook"\nurl = {given}\n'
        f'[components.a]\nkind = "agent"\nurl = {given}\nfail_threshold = 1\n'
        f'[components.a.recovery]\nladder = [{{ action = "http", url = {given} }}]\n'
    )
    said = ""
    try:
        for verb in (["run"], ["alerts", "--format", "json"], ["status"], ["doctor"], ["report", "--format", "json"]):
            done = heartbeat(tmp_path, "--config", "hb.toml", *verb, HB_ADDRESS=address)
            said += done.out + done.err
    finally:
        server.shutdown()
        server.server_close()
    said += everything_kept(tmp_path / "state")
    assert "answered 404" in said and "nothing at /services/" in said
    for word in words:
        assert word not in said and word.encode().hex() not in said


class _RepeatsLogin(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if cookie := self.headers["Cookie"]:
            login = cookie.partition(";")[0].partition("=")[2]
        elif (given := self.headers["Authorization"] or "Basic ").startswith("AWS "):
            login = given.rpartition(":")[2]
        else:
            login = base64.b64decode(given.split()[-1] + "==").decode()
        body = json.dumps({"error": f"no such key: {' and '.join(login.split(':', 1))}"}).encode()
        self.send_response(401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


LOGIN = "Basic " + base64.b64encode(b"svc:Passw0rd-7788-xyz").decode()
COOKIE = "session=4f9aQ2xk77Zp3mLw; theme=dark"
API_KEY = "ApiKey " + base64.b64encode(b"svc:4f9aQ2xk77Zp3mLw").decode()
KEY_LOGIN = "Basic " + base64.b64encode("sk_live_51abcDEF0123:gänse-füße".encode()).decode()


@pytest.mark.parametrize(
    ("keys", "given", "hidden"),
    [
        ('url = "env:GIVEN"', "http://sk_live_51abcDEF0123:@{place}/v1", ["sk_live_51abcDEF0123"]),
        ('url = "env:GIVEN"', "http://sk_live_51abcDEF0123@{place}/v1", ["sk_live_51abcDEF0123"]),
        ('url = "env:GIVEN"', "http://sk_live_51abcDEF0123@{place}", ["sk_live_51abcDEF0123"]),
        ('url = "http://sk_live_51abcDEF0123:@{place}/v1"', "", ["sk_live_51abcDEF0123"]),
        ('url = "http://sk_live_51%61bcDEF0123:x1y2z3-@{place}/v1"', "", ["sk_live_51abcDEF0123", "x1y2z3-"]),
        (f'url = "http://{{place}}/"\nheaders = {{{{ Authorization = "{LOGIN}" }}}}', "", ["Passw0rd-7788-xyz"]),
        ('url = "http://{place}/"\nheaders = {{ Authorization = "env:GIVEN" }}', LOGIN, ["Passw0rd-7788-xyz"]),
        (
            'url = "http://{place}/"\nheaders = {{ Authorization = "env:GIVEN" }}',
            KEY_LOGIN.rstrip("="),
            ["sk_live_51abcDEF0123", "gänse-füße"],
        ),
        ('url = "http://{place}/"\nheaders = {{ Authorization = "env:GIVEN" }}', API_KEY, ["4f9aQ2xk77Zp3mLw"]),
        (
            'url = "http://{place}/"\nheaders = {{ Authorization = "AWS AKIA7EXAMPLE:frJIUN8DYpKD" }}',
            "",
            ["frJIUN8DYpKD"],
        ),
        ('url = "http://{place}/"\nheaders = {{ Cookie = "env:GIVEN" }}', COOKIE, ["4f9aQ2xk77Zp3mLw"]),
        (
            'url = "http://{place}/"\nheaders = {{ Cookie = "env:GIVEN" }}',
            f"{COOKIE}; return=https://app.example/home",
            ["4f9aQ2xk77Zp3mLw"],
        ),
    ],
)
def test_a_login_stays_hidden_where_the_answer_repeats_it(
    tmp_path: Path, keys: str, given: str, hidden: list[str]
) -> None:
    """Many services take the key as the user of HTTP's login, with an empty password."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _RepeatsLogin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"127.0.0.1:{server.server_port}"
    (tmp_path / "hb.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[components.a]\nkind = "agent"\nfail_threshold = 1\n'
        + keys.format(place=place)
    )
    said = ""
    try:
        for verb in (["check", "--all"], ["run"], ["status"], ["config", "show"]):
            done = heartbeat(tmp_path, "--config", "hb.toml", *verb, GIVEN=given.format(place=place))
            said += done.out + done.err
    finally:
        server.shutdown()
        server.server_close()
    with closing(sqlite3.connect(tmp_path / "state/heartbeat.db")) as db:  # beside it, the configuration is as written
        said += "\n".join(db.iterdump())
    assert f"no such key: {BLOT}" in said or f"no such key: svc and {BLOT}" in said, said
    for word in hidden:
        assert word not in said and ascii(word)[1:-1] not in said


# --- what is configured -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["s3cr3t-t0ken", "czNjcjN0LXQwa2Vu", "7333637233742d74306b656e"])
def test_a_traceback_on_request_holds_no_secret(tmp_path: Path, form: str) -> None:
    """An error that nobody has foreseen may quote what a target has said; here, one of a library that is broken."""
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[components.h]\nkind = "agent"\n'
        'url = "http://127.0.0.1:9/"\nheaders = {Authorization = "env:KEY"}\n'
    )
    broken = f"import sqlite3\ndef connect(*args, **kwargs): raise RuntimeError({form!r})\nsqlite3.connect = connect\n"
    (tmp_path / "sitecustomize.py").write_text(broken)
    variables = {"KEY": "s3cr3t-t0ken", "HEARTBEAT_DEBUG": "1", "PYTHONPATH": str(tmp_path)}
    done = heartbeat(tmp_path, "check", "--all", **variables)
    assert done.code == 3 and "Traceback (most recent call last)" in done.err, done
    assert "RuntimeError: " in done.err and BLOT in done.err and form not in done.err


def test_config_show_hides_header_values_and_bodies(tmp_path: Path) -> None:
    (tmp_path / "hb.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n'
        '[components.a]\nkind = "agent"\nurl = "http://127.0.0.1:1/"\nmethod = "POST"\n'
        'headers = { X-Session = "open-sesame", Accept = "text/plain" }\nbody = "grant=open-sesame"\n'
        '[channels.c]\nkind = "webhook"\nurl = "http://127.0.0.1:1/"\nheaders = { X-Session = "open-sesame" }\n'
    )
    for form in ("toml", "json"):
        done = heartbeat(tmp_path, "--config", "hb.toml", "config", "show", "--format", form)
        assert done.code == 0, done.err
        assert "open-sesame" not in done.out and "text/plain" not in done.out
        assert "X-Session" in done.out and BLOT in done.out


@pytest.mark.parametrize("form", ["toml", "json"])
def test_what_nobody_sees_is_escaped_in_what_is_printed(tmp_path: Path, form: str) -> None:
    """It would turn the order of what a person reads, or steer a terminal; who parses it gets it as it was."""
    name = "主機 \u202egpj.exe \u2066x\u2069 \x9b31m \U000e0041"
    (tmp_path / "hb.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[components.a]\nkind = "command"\ncommand = ["echo", "{name}"]\n'
    )
    done = heartbeat(tmp_path, "--config", "hb.toml", "config", "show", "--format", form)
    assert done.code == 0 and "主機" in done.out and done.out.replace("\n", "").isprintable(), done
    assert (tomllib.loads if form == "toml" else json.loads)(done.out)["components"]["a"]["command"][1] == name


def test_a_body_under_a_pattern_is_on_no_command_line() -> None:
    """Every user of a host reads /proc/PID/cmdline: neither the pattern nor what it is searched in belongs there."""
    code = (
        "import threading\nfrom heartbeat_cli.system import bounded_search\n"
        "def search():\n"
        "    try:\n        bounded_search.found('(a+)+$pattern-only', 'a' * 60 + 'body-only')\n"
        "    except bounded_search.TooSlow:\n        pass\n"
        "thread = threading.Thread(target=search)\nthread.start()\nthread.join()\n"
    )
    child = subprocess.Popen([sys.executable, "-"], stdin=subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.write(code.encode())
    child.stdin.close()
    seen = set()
    while child.poll() is None:
        for pid in _family(child.pid):
            try:
                seen.add((pid, Path(f"/proc/{pid}/cmdline").read_bytes()))
            except OSError:
                continue
    others = [line for pid, line in seen if pid != child.pid]
    assert others, "the search ran in a child of its own"
    assert not any(b"body-only" in line or b"pattern-only" in line for line in others)


def _family(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        every = [Path(one) for one in Path(f"/proc/{pid}/task").iterdir()]
        text = " ".join((one / "children").read_text() for one in every)
    except OSError:
        return []
    return [int(one) for one in text.split()]


@pytest.mark.parametrize("name", ["\x1b]0;owned\x07\x1b[31m", "x" * 5_000, "a\nb"])
def test_who_did_it_comes_from_the_password_database(tmp_path: Path, name: str) -> None:
    """$LOGNAME is anything its owner likes, and is shown on the terminals of others."""
    config = tmp_path / "hb.toml"
    config.write_text(f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[components.h]\nkind = "host"\n')
    env = {"LOGNAME": name, "USER": name, "LNAME": name, "USERNAME": name}
    made = heartbeat(tmp_path, "--config", "hb.toml", "silence", "h", "--for", "10", "--reason", "test", **env)
    assert made.code == 0, made.err
    listed = heartbeat(tmp_path, "--config", "hb.toml", "silence")
    assert "(root)" in listed.out or f"({_me()})" in listed.out
    assert "\x1b" not in made.out + listed.out


def _me() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


# --- what is kept -------------------------------------------------------------------------------------------------


def everything_kept(folder: Path) -> str:
    """The content of all files of a state folder, SQLite's as SQL."""
    said = ""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".db":
            with closing(sqlite3.connect(path)) as db:
                said += "\n".join(db.iterdump())
        elif path.is_file():
            said += path.read_text(errors="replace")
    return said


@pytest.mark.parametrize("secret", ["sk-live-77abc9", "Tk%4f'9a=p@ss"])
def test_a_figure_is_not_called_after_a_secret(tmp_path: Path, secret: str) -> None:
    """What a plugin calls its figures is in the store, in JSON and in what Prometheus reads."""
    program = (
        "import os; key = os.environ['KEY']; quoted = key.replace(chr(39), chr(39) * 2); "
        "figures = [f\"'{quoted}'=1\", f\"'a{quoted}'=2\", f'x{key.encode().hex()}=3', f'{key.encode().hex()}=4']; "
        "print('fine |', *figures, 'y' * 88 + key[:12] + '=5', 'load=6')"
    )
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[components.a]\nkind = "command"\n'
        f'command = ["{sys.executable}", "-c", {json.dumps(program)}]\nenv = {{ KEY = "env:HB_KEY" }}\n'
    )
    said = ""
    for verb in (["check", "--all", "--format", "json"], ["status", "--format", "json"], ["metrics"]):
        done = heartbeat(tmp_path, *verb, HB_KEY=secret)
        said += done.out + done.err
    said += everything_kept(tmp_path / "state")
    assert '"load"' in said and BLOT in said
    name = "".join(char if char.isalnum() else "_" for char in secret.lower())
    for form in (*encodings(secret).values(), name.replace("__", "_"), secret[:10]):
        assert form not in said, form


def test_what_a_journal_says_is_remembered_without_secrets(tmp_path: Path) -> None:
    """As evidence it was hidden; beside it, as what the next look need not read again, it was not. The end of a long
    journal begins in the middle of something."""
    secret = "sk-live-" + "0123456789abcdef" * 4
    (tmp_path / "systemctl").write_text(
        "#!/bin/sh\nprintf 'Id=x.service\\nLoadState=loaded\\nActiveState=failed\\n'\n"
        "printf 'SubState=failed\\nResult=exit-code\\n'\n"
    )
    (tmp_path / "journalctl").write_text(f"#!/bin/sh\nprintf '%s' '{secret} {'=' * 870} {secret}'\n")
    for program in ("systemctl", "journalctl"):
        (tmp_path / program).chmod(0o755)
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[components.a]\nkind = "service"\nunit = "x.service"\n'
        f'systemctl = ["{tmp_path}/systemctl"]\n'
        '[components.b]\nkind = "agent"\nurl = "http://127.0.0.1:9/"\nheaders = { X-Key = "env:HB_KEY" }\n'
    )
    done = heartbeat(tmp_path, "check", "--all", "--format", "json", HB_KEY=secret)
    said = done.out + done.err + everything_kept(tmp_path / "state")
    assert '"journal"' in said and "\\u2022" in said
    assert secret not in said and secret[-20:] not in said


def test_what_a_container_wrote_is_remembered_without_secrets(tmp_path: Path, run_container: RunContainer) -> None:
    """One is split by a colour, and the end of a long log begins in the middle of another."""
    secret = "sk-live-" + "0123456789abcdef" * 4
    line = f"{secret} {'=' * 870} {secret[:30]}\x1b[31m{secret[30:]}"
    name = run_container(command=("sh", "-c", f"echo '{line}'; exit 1"))
    wait_for(lambda: inspect(name)["State"]["Status"] == "exited", "the end of the container")
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[components.a]\nkind = "docker"\ncontainer = "{name}"\n'
        '[components.b]\nkind = "agent"\nurl = "http://127.0.0.1:9/"\nheaders = { X-Key = "env:HB_KEY" }\n'
    )
    done = heartbeat(tmp_path, "check", "--all", "--format", "json", HB_KEY=secret)
    said = done.out + done.err + everything_kept(tmp_path / "state")
    assert '"container log"' in said and "=====" in said and "\\u2022" in said
    assert secret not in said and secret[-20:] not in said


def test_a_beat_that_brings_a_secret_is_kept_without_it(tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[components.a]\nkind = "push"\nperiod = 60\n'
        '[components.b]\nkind = "agent"\nurl = "http://127.0.0.1:9/"\nheaders = { X-Key = "env:HB_KEY" }\n'
    )
    done = heartbeat(tmp_path, "beat", "a", "--fail", "-m", "denied: sk-live-77abc9", HB_KEY="sk-live-77abc9")
    kept = everything_kept(tmp_path / "state")
    assert done.code == 0 and "sk-live-77abc9" not in kept and f"denied: {BLOT}" in kept
