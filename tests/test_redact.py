"""No secret is shown: known ones by value, others by their looks; and ordinary words stay."""

import random
import re
import time

import pytest

from heartbeat_cli import redact as redact_module
from heartbeat_cli.redact import BLOT, are_harmless, redact, secret_parts, worth_hiding


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:pw@h/db", f"postgresql://u:{BLOT}@h/db"),
        ("postgresql://u:p@ss@h:5432/db", f"postgresql://u:{BLOT}@h:5432/db"),
        ("redis://:pw@h", f"redis://:{BLOT}@h"),
        ("to http://a:b@x/ and http://c:d@y/", f"to http://a:{BLOT}@x/ and http://c:{BLOT}@y/"),
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


@pytest.mark.parametrize(
    "text",
    [
        *(
            part * (1_000_000 // len(part))
            for part in ("a", "a.", "a-", "://:", "http://a:", "password", "token: ", "basic ")
        ),
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
