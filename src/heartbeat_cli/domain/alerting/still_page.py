"""Tells a page that is only looked at from one that does something: loads, runs, sends, covers.

A report's page lies in the store until it is mailed, and another host of that store may have put any page there. What
a page may hold is listed: elements, attributes and their values, properties of styles and their values. CSS has too
many ways to load something, or to cover what stands beside a mail, for a list of those. To its right a page goes on as
far as its longest word does, or a row of its tables: that is for mail programs to clip.
"""

import re

_MOST = 2_000_000  # characters; a report of hundreds of components takes a tenth of that
_MOST_STYLE = 400  # characters of one attribute
# What is white space in HTML and CSS. Python's `\s` and `strip()` take more, which for HTML is part of a name.
_BLANK = " \t\n\r\f"
_FLAGS = re.I | re.A  # without `A` some letters beyond ASCII count as one of a to z
_TAG = re.compile(rf"</?([a-z][a-z0-9]*)((?:[{_BLANK}][^<>]*)?)>|<!doctype html>", _FLAGS)
_ATTRIBUTE = re.compile(rf"""(?<![{_BLANK}])[{_BLANK}]+([a-z-]+)=("[^"<>]*"|'[^'<>]*')""", _FLAGS)
_STRUCTURE = "html head title meta body main section header footer div p span br hr h1 h2 h3 h4 a img"
# No `li`: its mark, which may be a word, stands at the left of the list.
_LOOKS = "b strong i em small code pre dl dt dd table caption thead tbody tfoot tr th td"
_TAGS = frozenset(f"{_STRUCTURE} {_LOOKS}".split())
_HEADINGS = frozenset(("h1", "h2", "h3", "h4"))
# They make room for their edges; those of a `span` lie over the lines above and below.
_BLOCKS = "body main section header footer div p hr pre dl dt dd table caption th td"
_BOXES = _HEADINGS.union(_BLOCKS.split())
_COLOUR, _NAME = r"#[0-9a-f]{3,8}|[a-z]+", r"[a-z]+(?:-[a-z]+)*"
_FEW = r"\d{1,2}"
_WIDTH = r"[1-6]?\d{1,2}"  # pixels
_SHARE = r"(?:\d{1,2}|100)%"
_ANYTHING = ("lang", "charset", "name", "content", "role", "title", "alt", "scope")
_ATTRIBUTES = {
    **dict.fromkeys(_ANYTHING, re.compile(r".*", re.S)),
    **dict.fromkeys(("cellspacing", "cellpadding", "colspan", "rowspan"), re.compile(_FEW, _FLAGS)),
    **dict.fromkeys(("width", "height"), re.compile(rf"{_WIDTH}|{_SHARE}", _FLAGS)),
    "border": re.compile(r"\d", _FLAGS),
    "dir": re.compile("ltr", _FLAGS),  # in others, what is too long goes on to the left
    "align": re.compile("center|justify", _FLAGS),  # a table at the left or right floats
    "valign": re.compile("[a-z]+", _FLAGS),
    "bgcolor": re.compile(_COLOUR, _FLAGS),
    "href": re.compile(r"(https?://|mailto:|#)\S*", _FLAGS),
    "src": re.compile(r"data:image/(png|gif|jpeg);base64,[a-z0-9+/=]*", _FLAGS),
}
# No length is negative, lines are about as high as their letters, and no box is lower than what it holds: each would
# put text over what stands beside it. Letters are small, and do not grow in one another: they are higher than a line.
_LENGTH = rf"(?:(?:{_FEW}(?:\.\d{{1,3}})?|\.\d{{1,3}})(?:px|pt)?|(?:\d(?:\.\d{{1,3}})?|\.\d{{1,3}})r?em)"
_SIZE = rf"(?:[1-4]?\d(?:\.\d{{1,3}})?(?:px|pt)|[0-2](?:\.\d{{1,3}})?rem|(?:0?\.\d{{1,3}}|1)em|{_SHARE})"
_LINES = r"1\.[2-9]\d{0,2}|[2-9](?:\.\d{1,3})?"
_FAMILIES = r"(?:'[a-z0-9 -]+'|[a-z-]+)(?: ?, ?(?:'[a-z0-9 -]+'|[a-z-]+))*"
_SIDES = ("", "-top", "-right", "-bottom", "-left")
_THIN = r"\d(?:\.\d{1,3})?(?:px|pt)?"  # where borders collapse, half of it is outside the table
_BORDER = rf"(?:{_THIN}|{_COLOUR})(?: (?:{_THIN}|{_COLOUR})){{0,2}}"
_NAMED = (
    *("text-align", "text-decoration", "text-transform", "vertical-align", "overflow-wrap"),
    *("word-break", "word-wrap", "border-collapse", "font-style"),
)
_STYLES = {
    **dict.fromkeys(_NAMED, _NAME),
    **dict.fromkeys(
        (f"{one}{side}" for one in ("margin", "padding") for side in _SIDES), rf"{_LENGTH}(?: {_LENGTH}){{0,3}}"
    ),
    **dict.fromkeys((f"border{side}" for side in _SIDES), _BORDER),
    **dict.fromkeys(("border-radius", "border-spacing"), _LENGTH),
    **dict.fromkeys(("width", "min-width"), rf"{_WIDTH}(?:\.\d{{1,3}})?(?:px)?|{_SHARE}"),
    "max-width": r"\d{1,4}(?:\.\d{1,3})?(?:px|pt|em|rem|%)?",
    "display": "block|inline-block|none",
    "white-space": "normal|pre-wrap|pre-line",
    "font-size": _SIZE,
    **dict.fromkeys(("color", "background", "background-color", "border-color"), _COLOUR),
    "font": rf"(?:(?:normal|italic|bold|[1-9]00) ){{0,2}}{_SIZE}(?:/(?:{_LINES}))? {_FAMILIES}",
    "font-family": _FAMILIES,
    "font-weight": rf"{_NAME}|[1-9]00",
    "line-height": _LINES,
    "opacity": r"0?\.\d{1,3}|1",
}


def is_still(page: str) -> bool:
    """Whether the page holds nothing but text, its looks, links that a reader may follow, and pictures of its own."""
    if len(page) > _MOST or "<" in _TAG.sub("", page):
        return False
    return all(_is_plain((tag[1] or "html").lower(), tag[2] or "", tag[0][1] == "/") for tag in _TAG.finditer(page))


def _is_plain(tag: str, rest: str, is_end: bool) -> bool:
    if tag not in _TAGS or _ATTRIBUTE.sub("", rest).strip(_BLANK) not in ("", "/"):
        return False
    found = [(one[1].lower(), one[2][1:-1]) for one in _ATTRIBUTE.finditer(rest)]
    given = dict(found)
    if len(given) < len(found):  # only the first of a name counts
        return False
    if tag in _HEADINGS and not is_end and "font-size:" not in given.get("style", "").lower():
        return False  # those in one another grow without an end
    return all(_is_listed(tag, *one) for one in found)


def _is_listed(tag: str, attribute: str, value: str) -> bool:
    if attribute == "style":
        return len(value) <= _MOST_STYLE and all(_is_look(tag, one) for one in value.lower().split(";"))
    allowed = _ATTRIBUTES.get(attribute)
    return allowed is not None and allowed.fullmatch(value) is not None


def _is_look(tag: str, declaration: str) -> bool:
    """Whether one declaration of a tag's style, in small letters, only says how text looks."""
    if not declaration.strip(_BLANK):
        return True
    name, _, value = (part.strip(_BLANK) for part in declaration.partition(":"))
    if name.startswith(("margin", "padding", "border")) and tag not in _BOXES:
        return False
    if name == "white-space" and value == "nowrap":
        return tag in ("td", "th")  # a cell grows
    return re.fullmatch(_STYLES.get(name, "(?!)"), value, re.A) is not None
