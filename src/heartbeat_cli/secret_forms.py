"""What a secret looks like when somebody repeats it: the encodings of one value, and their places in a text.

Imported only when a text is shown while secrets are known. A text is walked through once, whatever the number of
secrets: at every place its next four characters are looked up among the beginnings of all forms.
"""

import json
import re
from binascii import b2a_base64, hexlify
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from html import escape
from typing import NamedTuple
from urllib.parse import quote, quote_plus, unquote

SHORTEST = 4  # characters of a form: a shorter one would hide half of every text
_WORD = 8  # characters of a word of a longer secret (a key of several lines) that is hidden by itself
_CUT = 10  # characters of a form that a limit has cut off (half of a shorter form) that are hidden
_CUT_BY_A_LINE = 8  # as few of them where only a line ends: an ordinary word is often shorter
_STEPS, _LEAST_STEPS = 40, 20_000  # characters compared one by one: for each of a text, and at least
_BETWEEN, _SEARCHED = "\uffff", 500  # no character; how many are searched in the time of one step
_AFTER_A_CUT = re.compile(r"\Z|…|\ufffd|\.\.\.|[\"'`)\]]")  # also in the middle of a letter of several bytes
_AFTER_A_LINE = re.compile(r";|\r?\n|(?:\\r)?\\n")
# The end of a line and the indentation of the next: as it is, as JSON writes it, quoted-printable; or made one space.
_NEW_LINE = re.compile(r"(?:\\r)?\\n\s{0,60}|=?\r?\n\s{0,60}")
_LINE_END = re.compile(_NEW_LINE.pattern + r"|\s{1,60}")
_ENDS = " \t\r\n\\="  # what it begins with
_AS_GO_DOES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}  # and others that write JSON into pages
_ESCAPED = re.compile(r"%[0-9A-F]{2}")


class Forms(NamedTuple):
    """The forms of some secrets by their first four characters, the longest first."""

    by_head: dict[str, tuple[str, ...]]
    joined: str  # all of them, each between two signs of which none holds any

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a form stands in `text`, whole, in lines or cut off by a limit. A text that takes too long, since it
        and a secret repeat themselves, counts as one to its end."""
        heads, left = self.by_head, [_LEAST_STEPS + _STEPS * len(text)]
        for at in range(len(text) - SHORTEST + 1):
            forms = heads.get(text[at : at + SHORTEST])
            if forms and (length := _length(text, at, forms, left)):
                yield at, at + length
        if "\n" in text or "\\n" in text:
            yield from self._ended_at_once(text, left)
        if "…" in text:
            yield from self._cut_off_before(text)

    def _ended_at_once(self, text: str, left: list[int]) -> Iterator[tuple[int, int]]:
        """The same, where a line ends within the first four characters."""
        for end in _NEW_LINE.finditer(text):
            for at in range(max(0, end.start() - SHORTEST + 1), end.start()):
                head = text[at : end.start()]
                forms = self.by_head.get(head + text[end.end() : end.end() + SHORTEST - len(head)])
                if forms and (length := _length(text, at, forms, left)):
                    yield at, at + length

    def _cut_off_before(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the end of a form stands behind the sign of a cut, or its middle between two. What comes after too many
        signs counts as one."""
        left = _LEAST_STEPS + _STEPS * len(text)
        places: dict[str, list[int]] = {}
        for mark in re.finditer("…", text):
            at = mark.end()
            head = text[at : at + SHORTEST]
            if len(head) < SHORTEST:
                return
            if head not in places:
                places[head] = list(self._within(head))
                left -= len(self.joined) // _SEARCHED
            left -= len(places[head])
            if left < 0:
                yield at, len(text)
                return
            ends = [self.joined[place : self.joined.index(_BETWEEN, place)] for place in places[head]]
            compared = [left]
            if ends and (length := _length(text, at, ends, compared)):
                yield at, at + length
            left = compared[0]

    def _within(self, head: str) -> Iterator[int]:
        """Where this stands in a form, other than at its beginning."""
        place = self.joined.find(head)
        while place > 0:
            if self.joined[place - 1] != _BETWEEN:
                yield place
            place = self.joined.find(head, place + 1)


def _length(text: str, at: int, forms: Iterable[str], left: list[int]) -> int:
    """How much of `text` from `at` on is one of the forms: whole, in lines, or up to where a limit cut it off.
    `left` is how many characters may still be compared one by one."""
    longest = 0
    if left[0] < 0:
        return len(text) - at
    for form in forms:
        if text.startswith(form, at):
            longest = max(longest, len(form))
            continue
        found, end, line_end = _in_lines(text, at, form)
        left[0] -= found
        if found == len(form) >= _WORD or _is_cut(text, found, end, len(form)):
            longest = max(longest, end - at)
        elif _is_cut(text, line_end - at, line_end, len(form)):
            longest = max(longest, line_end - at)
    return longest


def _is_cut(text: str, found: int, end: int, size: int) -> bool:
    """Whether so many characters of a form of that size are enough to hide, since something ends behind them."""
    enough = max(SHORTEST, min(_CUT, size // 2))
    if not enough <= found < size:
        return False
    if _AFTER_A_CUT.match(text, end):
        return True
    return found >= _CUT_BY_A_LINE and _AFTER_A_LINE.match(text, end) is not None


def _in_lines(text: str, at: int, form: str) -> tuple[int, int, int]:
    """How many characters of a form stand at `at`, over the ends of lines, where they end, and where the first of these
    lines does."""
    found, end, line_end, size, last = 0, at, at, len(form), len(text)
    while found < size and end < last:
        here = end
        if text[here] != form[found]:
            if text[here] not in _ENDS or not (gap := _LINE_END.match(text, here)):
                break
            here, line_end = gap.end(), line_end if line_end > at else end
            if here == last or text[here] != form[found]:
                break
        found, end = found + 1, here + 1
    return found, end, line_end


@lru_cache(maxsize=8)
def forms_of(secrets: frozenset[str]) -> Forms:
    """Every form of these secrets."""
    by_head: dict[str, set[str]] = {}
    for secret in secrets:
        for form in encodings(secret):
            by_head.setdefault(form[:SHORTEST], set()).add(form)
    heads = {head: tuple(sorted(found, key=len, reverse=True)) for head, found in by_head.items()}
    joined = _BETWEEN.join(["", *(form for forms in heads.values() for form in forms), ""])
    return Forms(heads, joined)


def encodings(secret: str) -> set[str]:
    """One secret as it is, decoded, and encoded: percent, form, HTML, JSON, Python, SQL, shell, base64 (at any offset),
    hex (with or without something between the bytes) and UTF-16 (with a space for each NUL once it has been cleaned);
    of one with white space in it, its lines and longer words, too."""
    plain = {secret, unquote(secret), " ".join(secret.split()), secret.strip("'\"")}
    if not secret.isascii():
        plain |= {other for one in plain for other in _as_misread(one)}
    found = set()
    for one in plain:
        found |= {one, *_as_text(one), *_as_letters(one.encode("utf-8", "surrogateescape"))}
        found |= {"\0".join(one), " ".join(one), *_each_escaped(one)}
        found |= {form for end in "lb" for form in _as_letters(one.encode(f"utf-16-{end}e", "surrogatepass"))}
        if not one.isascii():  # in the password of an address, as requests sends it
            found |= _as_letters(one.encode("latin-1", "replace"))
    found |= {one.replace("\\", "\\\\") for one in found if "\\" in one}  # any of these in JSON
    if len(secret.split()) > 1:
        found |= {word for word in secret.split() if len(word) >= _WORD}
    return {form for form in found if len(form) >= SHORTEST}


def _as_misread(text: str) -> set[str]:
    """One with letters beyond ASCII, written in one character set and read in another, or composed otherwise."""
    from unicodedata import normalize

    found = {normalize("NFC", text), normalize("NFD", text), text.encode("ascii", "replace").decode()}
    raw = text.encode("utf-8", "replace")
    found |= {raw.decode(read, "replace") for read in ("latin-1", "cp1252", "ascii")}
    for written in ("latin-1", "cp1252"):
        with suppress(UnicodeEncodeError):
            found.add(text.encode(written).decode("utf-8", "replace"))
    return {one for one in found if sum(map(str.isalnum, one)) >= SHORTEST}  # not `????`


def _as_text(text: str) -> set[str]:
    safe = text.encode("utf-8", "replace").decode()
    percent = {quote(safe), quote(safe, safe=""), quote_plus(safe), quote_plus(safe, safe="/")}
    percent |= {_ESCAPED.sub(lambda match: match[0].lower(), one) for one in percent}
    html = {escape(text), escape(text, quote=False), escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")}
    html |= {escape(text).replace("&#x27;", one) for one in ("&#039;", "&apos;")}  # as PHP does, and XML
    html |= {escape(one) for one in html}
    quoted = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    quoted |= {one.translate(_AS_GO_DOES) for one in quoted}
    quoted |= {one.replace("/", "\\/") for one in quoted}
    quoted |= _as_languages_do(text)
    # Twice: by a proxy, or an error that quotes an error.
    return percent | {quote(one) for one in percent} | html | quoted | {json.dumps(one)[1:-1] for one in html | quoted}


def _as_languages_do(text: str) -> set[str]:
    """Between the quotes of SQL, of a shell and of what knows a backslash (libpq, YAML); as a mail is printable."""
    backslash = text.replace("\\", "\\\\")
    found = {text.replace("'", "''"), text.replace("'", "'\\''"), text.replace("'", "'\"'\"'")}
    found |= {backslash, backslash.replace("'", "\\'"), backslash.replace("'", "''")}
    return found | {text.replace("=", "=3D")}


def _each_escaped(text: str) -> set[str]:
    """With every single character escaped, as some encoders do."""
    percent = "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogateescape"))
    units = text.encode("utf-16-be", "surrogatepass").hex()
    small = "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
    large = "".join(f"\\u{units[at : at + 4].upper()}" for at in range(0, len(units), 4))
    html = {"".join(f"&#{ord(char)};" for char in text), "".join(f"&#x{ord(char):x};" for char in text)}
    octal = "".join(f"\\{byte:03o}" for byte in text.encode("utf-8", "surrogateescape"))
    escaped = {percent, percent.upper(), small, large, octal}
    return escaped | {one.replace("%", "\\x") for one in (percent, percent.upper())} | html


def _as_letters(data: bytes) -> set[str]:
    """As base64, hex and lists of numbers (bytes as Go, Rust, Node and C write them). In base64 three bytes are four
    letters, so a secret that stands after other text (`user:`) has one of three forms; letters that hold bits of its
    neighbours are left out."""
    digits = {hexlify(data, *between).decode() for between in ((), (":",), (" ",), ("-",))}
    digits |= {between.join(f"{byte:02x}" for byte in data) for between in (", ", ",")}
    digits |= {between.join(f"0x{byte:02x}" for byte in data) for between in (", ", ",", " ")}
    found = digits | {one.upper() for one in digits} | {one.upper().replace("0X", "0x") for one in digits}
    found |= {between.join(map(str, data)) for between in (" ", ", ", ",")}
    for offset in range(3):
        text = b2a_base64(b"\0" * offset + data, newline=False).decode()
        core = text[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6]
        found |= {core, core.replace("+", "-").replace("/", "_")}
    return found
