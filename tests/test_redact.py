"""No secret is shown: known ones by value, others by their looks; and ordinary words stay."""

import random
import re
import time
from base64 import b64encode

import pytest

from heartbeat_cli import redact as redact_module
from heartbeat_cli.redact import BLOT, are_harmless, redact, secret_parts, tokens, worth_hiding


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:pw@h/db", f"postgresql://u:{BLOT}@h/db"),
        ("postgresql://u:p@ss@h:5432/db", f"postgresql://u:{BLOT}@h:5432/db"),
        ("redis://:pw@h", f"redis://:{BLOT}@h"),
        ("to http://a:b@x/ and http://c:d@y/", f"to http://a:{BLOT}@x/ and http://c:{BLOT}@y/"),
        ("https://sk_live_51abc:@h/v1", f"https://{BLOT}:@h/v1"),
        ("https://sk_live_51abc@h/v1", f"https://{BLOT}@h/v1"),
        ("HTTPS://onlysmallletters:pw@h", f"HTTPS://{BLOT}:{BLOT}@h"),
        ("https://admin:pw@h https://readonly@h", f"https://admin:{BLOT}@h https://readonly@h"),
        ("postgresql://heartbeat_monitor1:pw@h/db", f"postgresql://heartbeat_monitor1:{BLOT}@h/db"),
        ("host=h password=pw user=u", f"host=h password={BLOT} user=u"),
        (r"password='p\' w' user=u", f"password={BLOT} user=u"),
        ("password='p w' user=u", f"password={BLOT} user=u"),
        ('{"password": "p w", "a": 1}', f'{{"password": {BLOT}, "a": 1}}'),
        ("DB_PASSWORD=pw", f"DB_PASSWORD={BLOT}"),
        ("?access_token=abc&x=1", f"?access_token={BLOT}&x=1"),
        ("X-Api-Key: abc", f"X-Api-Key: {BLOT}"),
        ("client_secret: abc", f"client_secret: {BLOT}"),
        ("Authorization: Bearer abc.DEF-123", f"Authorization: Bearer {BLOT}"),
        ("authorization: basic dXNlcjpwYXNz", f"authorization: basic {BLOT}"),
        ("https://api.telegram.org/bot123456:AA-b_c/sendMessage", f"https://api.telegram.org/bot{BLOT}/sendMessage"),
    ],
)
def test_what_looks_like_a_secret(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "basic authentication is required",
        "the bearer realm is wrong",
        "http://localhost:8000/health answered 503",
        "connection to server at 10.0.0.1, port 5432 failed",
        "mail from a@b.example to c@d.example at 12:30",
        "max_tokens is 4096, used 12 tokens",
        "password authentication failed for user x",
        "http://status.example.org:8443/who/a@b.example is away",
        "http://status-2.example.org?who=a@b.example is away",
        "no such container: openclaw-gateway",
        "cannot read /run/secret: No such file or directory",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text) == text


def test_known_secrets_go_wherever_they_stand() -> None:
    assert redact("a=s3cret,b=s3cret-long", {"s3cret", "s3cret-long"}) == f"a={BLOT},b={BLOT}"
    assert worth_hiding({"", "a", "abc", "abcd"}) == {"abcd"}


def test_the_parts_of_a_longer_value() -> None:
    assert secret_parts("postgresql://u:pw@h/db?sslpassword=other") == {"pw", "other"}
    assert secret_parts("host=h password='p w'") == {"p w"}
    assert secret_parts("http://localhost:8000/health") == set()
    assert secret_parts("https://sk_live_51abc:@h/v1") == {"sk_live_51abc"}
    assert secret_parts("https://admin:pw@h/v1") == {"pw"}


def test_the_parts_of_a_basic_login() -> None:
    for login, parts in (
        (b"svc:Passw0rd-7788", {"Passw0rd-7788"}),
        (b"svc:with:colon", {"with:colon"}),
        (b"sk_live_51abc:", {"sk_live_51abc"}),
        ("füße:gänse".encode(), {"gänse"}),
        ("füße:gänse".encode("latin-1"), {"gänse"}),
        (b"no login at all", set()),
    ):
        written = b64encode(login).decode()
        for end in (written, written.rstrip("=")):
            assert secret_parts(f"Authorization: Basic {end}") == {end} | parts
    assert secret_parts("Bearer c3ZjOlBhc3N3MHJkLTc3ODgteHl6") == {"c3ZjOlBhc3N3MHJkLTc3ODgteHl6"}


def test_the_words_of_a_secret_address() -> None:
    for address in ("https://sk_live_51abc:@h/v1", "redis://sk_live_51abc@h", "http://admin@h?to=sk_live_51abc"):
        assert tokens(address) == {"sk_live_51abc"}
    assert tokens("postgresql://postgres:pw@h.example.org:5432/main") == set()
    assert tokens("postgresql://admin@h.example.org") == set()


@pytest.mark.parametrize(
    "text",
    [
        *(
            part * (1_000_000 // len(part))
            for part in (
                "a",
                "a.",
                "a-",
                "://:",
                "http://a:",
                "http://",
                "http://a1b2c3d4:",
                "password",
                "token: ",
                "basic ",
            )
        ),
        "http://" + "a" * 1_000_000,
        "http://a1b2c3d4:" + ":" * 1_000_000,
        "token" + " " * 1_000_000,
        "password='" + "\\" * 1_000_000,
    ],
)
def test_a_megabyte_of_anything_is_soon_done(text: str) -> None:
    """What a component says must not hold the pass up: a quadratic pattern would take minutes."""
    begun = time.monotonic()
    redact(text)
    assert time.monotonic() - begun < 10


def test_what_is_passed_over_without_a_search_would_not_have_matched() -> None:
    """An ordinary text costs no search: told by words that every match of a pattern must hold."""
    words = [
        "password",
        "=",
        ":",
        "\u017fecret",
        "TOKEN",
        "Api-Key",
        " ",
        '"',
        "x1",
        "Bearer ",
        "BASIC ",
        "ba\u0131sic ",
    ]
    words += ["abcDEF12345", "/bot", "12:ab", "http://", "u:p", "@", "h/", "\n", "toKen", "key\u017f"]
    chance = random.Random(1)
    found = 0
    for _ in range(5_000):
        text = expected = "".join(chance.choice(words) for _ in range(chance.randrange(9)))
        for _, pattern in redact_module._PATTERNS:
            expected = re.sub(pattern, lambda match: match["head"] + BLOT, expected)
        assert redact(text) == expected
        found += expected != text
    assert found > 100


@pytest.mark.parametrize("found", ["a@b", "password=1", "TOKEN", "/bot1:a", "Bearer x", "naïve", "ſecret=hidden-word"])
def test_texts_are_harmless_together_only_if_each_is(found: str) -> None:
    assert are_harmless(()) and are_harmless(("HTTP 200 from http://127.0.0.1:80/", '{"status": "ok"}'))
    assert not are_harmless(("HTTP 200", found)) and not are_harmless((found, "x"))
