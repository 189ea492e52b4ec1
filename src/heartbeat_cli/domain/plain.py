"""Plain words for figures and foreign text, fit for one error line or one piece of evidence."""

from typing import Any

from heartbeat_cli.domain.text import Text

EVIDENCE = 2_000
# What JSON lets stand as it is, although it steers a terminal or turns the order of what a person reads.
UNSEEN = "[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"


def lines_of(text: str) -> list[str]:
    """The lines of what the kernel or a program says. Only a newline ends one: a name in it may hold any other sign at
    which `str.splitlines` splits (form feed, U+2028), and what follows would pass for a line of its own."""
    return text.removesuffix("\n").split("\n") if text else []


def one_line(text: str, limit: int = 300) -> str:
    """Foreign text as one printable line: anything that would break the line becomes a space. Where it was cut there is
    a sign, behind which half of a secret is known as one."""
    if isinstance(text, Text):
        return text if text.isprintable() and len(text) <= limit else text.mapped(lambda part: one_line(part, limit))
    if len(text) <= limit and text.isprintable() and "  " not in text and text.strip() == text:  # as nearly all
        return text
    kept, rest = text[: limit * 4], text[limit * 4 :]
    if not kept.isprintable():
        kept = "".join(char if char.isprintable() else " " for char in kept)
    line = " ".join(kept.split())
    cut = len(line) > limit or (rest and not rest.isspace())
    return line[: limit - 1] + "…" if cut else line


def bounded(text: str, limit: int = EVIDENCE) -> str:
    """Foreign text of several lines, without the control characters that would steer a terminal."""
    if len(text) <= limit:
        return printable(text)
    return printable(text[:limit])[: limit - 1] + "…"


def ending(text: str, limit: int) -> str:
    """The end of a foreign text of several lines, after a sign that there was more: without that, half of a secret
    would not be known as one."""
    return bounded(text if len(text) <= limit else f"…{text[1 - limit :]}", limit)


def printable(text: str) -> str:
    """Text of several lines without the characters that would steer a terminal."""
    if text.isprintable():
        return text
    kept = "".join(char for char in text if char.isprintable() or char in "\n\t")
    if isinstance(text, Text):
        return text if kept == text else text.mapped(printable)
    return kept


# What systems say, as far as catalogs have it.
_SYSTEM_WORDS: dict[str, Text] = {
    one: one
    for one in (
        Text("connection refused"),
        Text("connection reset by peer"),
        Text("connection timed out"),
        Text("name or service not known"),
        Text("network is unreachable"),
        Text("no route to host"),
        Text("no such file or directory"),
        Text("permission denied"),
        Text("temporary failure in name resolution"),
    )
}


def system_words(text: str) -> str:
    """What the system said of an error, without its number: a Text where catalogs have it, in whatever case."""
    if isinstance(text, Text):
        return text
    number, _, words = text.partition("] ")
    text = words if number.startswith("[Errno ") and words else text
    known = _SYSTEM_WORDS.get(text.lower())
    return text if known is None else Text.known(text, known.template, {})


def own_fault(error: BaseException) -> str:
    """What is said of a bug of ours, on one line."""
    return one_line(Text("heartbeat's own fault: {what}", what=f"{type(error).__name__}: {error}"))


def json_text(value: Any, indent: int | None = None) -> str:
    """A tree as JSON that people can read, in any script, with escapes for the characters that nobody sees."""
    import json
    import re

    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    return text if text.isascii() and "\x7f" not in text else re.sub(UNSEEN, lambda one: json.dumps(one[0])[1:-1], text)


def counted(number: int, what: str) -> str:
    """`1 component`, `2 components`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def is_word(text: str, signs: str) -> bool:
    """Whether a text consists of ASCII letters, digits and these signs, and not of signs alone. A pattern takes longer,
    and has to be compiled in every run."""
    for sign in signs:
        text = text.replace(sign, "")
    return text.isalnum() and text.isascii()


def whole(text: str, most: int = 2**63 - 1) -> int | None:
    """The whole number that a text of ASCII digits stands for; None for any other text, and above `most`. `²` and `٣`
    are digits to `str.isdigit`, and `int` takes no text of 5,000 of them."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    number = int(text)
    return number if number <= most else None


def port(text: str) -> int | None:
    """The TCP port that a text stands for, None when it is not a number from 1 to 65,535."""
    return whole(text, 65_535) or None


def duration(seconds: float) -> str:
    """`45 s`, `7 min`, `2 h 5 min`, `3 d 4 h`: the two biggest units."""
    if seconds < 10:
        return Text("{n} s", n=f"{max(0.0, seconds):.1f}".removesuffix(".0"))
    if seconds < 60:
        return Text("{n:.0f} s", n=seconds)
    minutes = int(seconds / 60 + 0.5)  # a half is always rounded up
    if minutes < 60:
        return Text("{n} min", n=minutes)
    hours, days = minutes // 60, minutes // 60 // 24
    if hours < 24:
        return Text("{h} h {m} min", h=hours, m=minutes % 60) if minutes % 60 else Text("{n} h", n=hours)
    return Text("{d} d {h} h", d=days, h=hours % 24) if hours % 24 else Text("{n} d", n=days)


def percent(share: float) -> str:
    """A limit in percent: `95 %`, or `95%` in languages that write it so."""
    return Text("{n} %", n=f"{share:g}")


def size(count: float) -> str:
    """Bytes in decimal units, as disks are sold and as `df -H` shows them: `1.2 GB`."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 1000:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} TB"
