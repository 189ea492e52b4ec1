"""Whatever a component says, a message does no harm: well-formed, bounded, redacted, nothing in it that steers."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartbeat_cli.channels import _letter
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.alerting.markup import harmless
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.alerting.telegram_text import LIMIT, fit, units
from heartbeat_cli.redact import BLOT
from heartbeat_cli.views import messages
from tests.parts.bot_api import _markup_fault
from tests.views.test_messages import SECRET, START, TYPES, ZONE, alert, made

LOCALES = ("en", "zh-HK")

HOSTILE = [
    "<script>alert(1)</script>",
    "</pre></b></i>&lt;b&gt; &#60;b&#62; &amp;",
    '<a href="javascript:alert(1)">x</a><a href="https://evil.example/">y</a>',
    "\x00\x1b[31m\x07\x08\x9b\r\n\r\nBcc: evil@example.org",
    "\u202eevil\u202c \u2066x\u2069 \u200f\u200e\u061c \ufeff",
    "{{ 7 * 7 }}{% raw %}",
    "x" * 1_000_000,
    "<b>" * 100_000,
    "\ud83d half",
    "🏳️‍🌈" * 3_000,
    f"postgresql://app:{SECRET}@db/app https://user:topsecret@host/path?token=abcdef1",
    f"{SECRET[:7]}\x00{SECRET[7:]}",
    "ا\u0300\u0301\u0302" * 500,
]


def check_harmless(found: Message) -> None:
    """What a channel gets of it: well-formed, only the allowed tags, short enough, nothing that steers or is secret."""
    for part in fit(found.html):
        assert _markup_fault(part.html) == "", part.html
        assert 0 < units(part.plain) <= LIMIT
    seen = f"{found.title}\n{found.text}\n{found.html}"
    assert harmless(seen) == seen and "\r" not in seen
    assert SECRET not in seen and "topsecret" not in seen and "abcdef1" not in seen
    assert len(seen) < 60_000 and "\n" not in found.title and len(found.title) <= 200
    tags = set(re.findall(r"<\s*/?\s*(\w*)", found.html))
    assert tags <= {"b", "i", "code", "pre", "a"} and "49" not in found.text.replace(ZONE, "")
    page = _letter._page(found)
    assert "<script" not in page and "javascript:" not in re.sub(r"&lt;.*?&gt;", "", page) and "<a" not in page


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_a_component_says_does_no_harm(text: str, locale: str) -> None:
    details: dict[str, Any] = {
        "cause": text,
        "evidence": {text[:50]: text, "body": text},
        "attempts": [[text, text, text]],
        "recovery": text,
        "held": [text],
        "waited_for": text,
        "last": ["error", text],
        "target": text,
        "observer": text,
    }
    alerts = [
        alert(kind, **details)._replace(title=text, reason=text) for kind in ("agent_down", "recovered", "report")
    ]
    for one in alerts:
        check_harmless(made(one, locale, remark=text))
    check_harmless(messages.digest(alerts, locale, ZONE, [SECRET], id="d", remark=text))


def test_secrets_are_blotted_and_the_rest_stays() -> None:
    found = made(alert(cause=f"postgresql://app:{SECRET}@db/app: {SECRET}", evidence={"body": f"token={SECRET}\nline"}))
    assert f"postgresql://app:{BLOT}@db/app: {BLOT}" in found.text and f"token={BLOT}\nline" in found.text


def test_a_secret_across_the_end_of_what_is_shown_is_not_half_shown() -> None:
    found = made(alert(evidence={"body": "x" * 590 + SECRET}))
    assert "hunter2" not in found.text


ANYTHING = st.one_of(
    st.text(max_size=300), st.text(alphabet="<>&/abipre\"'= \n;{}%#", max_size=300), st.integers(), st.none()
)
DETAILS = st.dictionaries(
    st.sampled_from(
        [
            *("cause", "started", "kind", "evidence", "attempts", "recovery"),
            *("held", "ask", "last", "ended", "watched", "in_fault"),
        ]
    ),
    st.one_of(
        ANYTHING, st.dictionaries(st.text(max_size=20), ANYTHING, max_size=5), st.lists(st.lists(ANYTHING, max_size=4))
    ),
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(TYPES), st.text(max_size=300), st.text(max_size=500), DETAILS), min_size=1, max_size=6
    ),
    st.sampled_from(LOCALES),
)
def test_whatever_comes_telegram_can_take_it(rows: list[tuple[str, str, str, dict[str, Any]]], locale: str) -> None:
    alerts = [
        Alert(f"{n}", type_, "high", title, "main", START, "i", reason, details)
        for n, (type_, title, reason, details) in enumerate(rows)
    ]
    for found in (made(alerts[0], locale), messages.digest(alerts, locale, ZONE, [SECRET], id="d")):
        for part in fit(found.html):
            assert _markup_fault(part.html) == ""
            assert 0 < units(part.plain) <= LIMIT
