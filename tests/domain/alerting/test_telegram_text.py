"""Messages as Telegram takes them: harmless, well formed, short enough, and with the facts still in."""

import re
from collections.abc import Callable
from html import escape, unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.alerting.markup import Run, harmless, parse, render
from heartbeat_cli.domain.alerting.telegram_text import LIMIT, Part, cut, fit, units
from tests.parts.growth import growth

FACTS = "Component: main\nCause: connection refused\nSince: 2026-01-01 03:00\n\n<b>Done</b>\n1. systemd: done"


def well_formed(html: str) -> bool:
    stack: list[str] = []
    for close, name in re.findall(r"<(/?)(\w+)[^<>]*>", html):
        if not close:
            stack.append(name)
        elif not stack or stack.pop() != name:
            return False
    rest = re.sub(r"</?(?:b|i|code|pre|a)(?: href=\"https?://[^\"<>]*\")?>", "", html)
    return not stack and not re.search(r"[<>]|&(?!amp;|lt;|gt;|quot;|#x27;)", rest)


def test_a_short_one_stays_as_it_is() -> None:
    html = "<b>主 is down</b>\n\nCause: 1 &lt; 2 &amp; <code>x</code>"
    assert fit(html) == [Part(html, "主 is down\n\nCause: 1 < 2 & x")]


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("ab", 2), ("主機", 2), ("🔥", 2), ("👨‍👩‍👧", 8), ("e\u0301", 2), ("\ud800", 1)]
)
def test_units_are_those_of_utf_16(text: str, count: int) -> None:
    assert units(harmless(text)) == count


def test_a_cut_never_halves_a_character() -> None:
    assert cut("🔥🔥🔥", 6) == "🔥🔥🔥"
    assert cut("🔥🔥🔥", 5) == "🔥🔥…"
    assert cut("🔥🔥🔥", 4) == "🔥…"
    assert cut("👨‍👩‍👧", 4) == "👨…"


@pytest.mark.parametrize("length", [LIMIT - 1, LIMIT, LIMIT + 1])
@pytest.mark.parametrize("sign", ["x", "主", "&", "🔥"])
def test_around_the_limit(sign: str, length: int) -> None:
    text = sign * (length // units(sign))
    (part,) = fit(f"<b>{escape(text)}</b>")
    assert units(part.plain) <= LIMIT
    assert (part.plain == text) == (units(text) <= LIMIT)
    assert unescape(part.html) == f"<b>{part.plain}</b>"


@pytest.mark.parametrize("evidence", ["x" * 1_000_000, "line of a log 🔥\n" * 60_000, "主" * 5_000])
def test_evidence_is_cut_first(evidence: str) -> None:
    (part,) = fit(f"<b>Main is down</b>\n\n{FACTS}\n\n<b>Evidence</b>\n<pre>{evidence}</pre>\n\n<b>Do</b>\n1. Look")
    assert LIMIT - 10 < units(part.plain) <= LIMIT
    assert part.html.startswith(f"<b>Main is down</b>\n\n{FACTS}\n\n<b>Evidence</b>\n<pre>{evidence[:9]}")
    assert part.html.endswith("…</pre>\n\n<b>Do</b>\n1. Look")


def test_evidence_without_tags_of_its_own_goes_before_the_short_lines() -> None:
    (part,) = fit(f"<b>Main is down</b>\n\n{FACTS}\n\n<b>Evidence</b>\nBody: {'x' * 9_000}\nLog: short\n\n1. Look")
    assert part.html.startswith(f"<b>Main is down</b>\n\n{FACTS}\n\n<b>Evidence</b>\nBody: xxx")
    assert part.html.endswith("x…\nLog: short\n\n1. Look")
    assert LIMIT - 10 < units(part.plain) <= LIMIT


def test_many_short_lines_become_several_parts() -> None:
    lines = [f"{number:04}: 主 100.00 %" for number in range(500)]
    parts = fit("<b>Report</b>\n\n" + "\n".join(lines))
    assert [part.plain[:6] for part in parts] == ["(1/3) ", "(2/3) ", "(3/3) "]
    assert all(units(part.plain) <= LIMIT for part in parts)
    whole = "\n".join(part.plain for part in parts)
    assert re.findall(r"\d{4}: .*", whole) == lines


def test_an_endless_one_ends() -> None:
    parts = fit("a\n" * 500_000)
    assert len(parts) == 4
    assert parts[-1].plain.endswith("…")
    assert all(units(part.plain) <= LIMIT for part in parts)


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("a\x00b\x1b[31mc\x07\x9b", "ab[31mc"),
        ("safe\u202egnp.exe\u2066\u200f", "safegnp.exe"),
        ("a\r\nb\tc\u2028d", "a\nb\tc\nd"),
        ("\ud83d", "\ufffd"),
        ("👨‍👩‍👧 ❤️ 主機", "👨‍👩‍👧 ❤️ 主機"),
    ],
)
def test_harmless(dirty: str, clean: str) -> None:
    assert harmless(dirty) == clean


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<b>open", "<b>open</b>"),
        ("close</b>", "close"),
        ("<b><i>x</b>y</i>", "<b><i>x</i></b>y"),
        ("1 < 2 & 3 &lt; 4", "1 &lt; 2 &amp; 3 &lt; 4"),
        ('<a href="https://x.test/?a=1&amp;b=2">x</a>', '<a href="https://x.test/?a=1&amp;b=2">x</a>'),
        ('<a href="javascript:alert(1)">x</a>', "x"),
        ('<a href="https://x.test/" onclick="y">x</a>', '<a href="https://x.test/">x</a>'),
        ('<b style="x">y</b>', "<b>y</b>"),
        ("<B>y</B>", "<b>y</b>"),
        ("<b></b>", ""),
    ],
)
def test_markup_comes_out_well_formed(dirty: str, clean: str) -> None:
    assert render(parse(dirty)) == clean


def test_tags_without_end_are_kept_twenty_deep() -> None:
    """Nothing of the text is lost, and every tag is closed where it was."""
    assert render(parse("<b>" * 1_000 + "x" + "</b>" * 999 + "y</b>z")) == f"{'<b>' * 20}x{'</b>' * 19}y</b>z"


@pytest.mark.parametrize(
    "piece",
    [
        lambda n: "<b>x" * n,
        lambda n: "<b>x" * n + "</b>x" * n,
        lambda n: "<b>" * n + "</i>" * n,
        lambda n: "<b>" * n + "<a href='http://x'></a>" * n,
        lambda n: "<b " * n + "<" * n + "&#" * n,
    ],
    ids=["deep", "deep and back", "closing what is not open", "opened and closed at the bottom", "no tags at all"],
)
def test_reading_takes_as_long_as_the_text_is(piece: Callable[[int], str]) -> None:
    """A log of a few hundred kB of nested tags would hold up the pass for minutes, and every other message with it."""
    assert growth(parse, piece, 250) < 24


@given(st.lists(st.sampled_from(["<b>", "</b>", "<pre>", "</pre>", "<a href='http://x'>", "</a>", "<x", "&", "主🔥"])))
def test_whatever_comes_in(pieces: list[str]) -> None:
    html = render(parse("".join(pieces)))
    assert well_formed(html)
    assert render(parse(html)) == html


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_the_text(one: str, other: str) -> None:
    for part in fit(f"<b>{escape(one)}</b>\n<pre>{escape(other)}</pre>", 250):
        assert well_formed(part.html)
        assert units(part.plain) <= 250
        part.html.encode()


def test_runs() -> None:
    assert parse("a<b>c<i>d</i></b>") == [Run("a"), Run("c", ("b",)), Run("d", ("b", "i"))]
