"""The few macros of man(7) that the manual pages need, and their escapes."""

import re
import textwrap
from collections.abc import Iterable

_ESCAPES = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}


def escaped(text: str) -> str:
    """Plain text: no character of it is a command, and those beyond ASCII are named."""
    return "".join(_ESCAPES.get(one) or (one if one.isascii() else rf"\[u{ord(one):04X}]") for one in text)


def marked(text: str) -> str:
    """Plain text in which `code` is bold."""
    parts = re.split(r"`([^`]+)`", text)
    return "".join(bold(one) if number % 2 else escaped(one) for number, one in enumerate(parts))


def bold(text: str) -> str:
    return rf"\fB{escaped(text)}\fP"


def italic(text: str) -> str:
    return rf"\fI{escaped(text)}\fP"


def quoted(text: str) -> str:
    """An argument of a macro."""
    return '"' + escaped(text).replace('"', r"\(dq") + '"'


def head(name: str, section: int, date: str, source: str) -> list[str]:
    title = " ".join([quoted(name.upper()), str(section), quoted(date).replace(r"\-", "-"), quoted(source)])
    remark = r".\" Written by scripts/manpages. Do not edit it; run `make reference`."
    return [remark, f'.TH {title} "heartbeat manual"']


def heading(text: str) -> str:
    return f".SH {quoted(text)}"


def subheading(text: str) -> str:
    return f".SS {quoted(text)}"


def line(text: str) -> str:
    """A line of text that is already escaped: it does not begin as a command does."""
    return rf"\&{text}" if text.startswith((".", "'")) else text


def filled(text: str) -> list[str]:
    """Text that is filled, in lines of at most 78 characters where its words allow that."""
    wrapped = textwrap.wrap(marked(text), 78, break_long_words=False, break_on_hyphens=False)
    return [line(one) for one in wrapped]


def paragraph(text: str) -> list[str]:
    return [".PP", *filled(text)]


def item(tag: str, text: str) -> list[str]:
    """A tag, which is already escaped, with its text."""
    return [".TP", line(tag), *(filled(text) or [r"\&"])]


def example(text: str) -> list[str]:
    lines = [line(escaped(one)) for one in text.split("\n")]
    return [".PP", ".RS 4", ".nf", *lines, ".fi", ".RE"]


def references(pages: Iterable[tuple[str, int]]) -> list[str]:
    """SEE ALSO: other pages with their sections."""
    named = list(pages)
    ends = [","] * (len(named) - 1) + [""]
    return [
        heading("SEE ALSO"),
        *(f".BR {escaped(name)} ({section}){end}" for (name, section), end in zip(named, ends, strict=True)),
    ]


def document(lines: Iterable[str]) -> str:
    """The page. A paragraph right below a heading is the heading's own."""
    found: list[str] = []
    for one in lines:
        if one == ".PP" and found and found[-1].startswith((".SH", ".SS")):
            continue
        found.append(one)
    return "\n".join(found) + "\n"
