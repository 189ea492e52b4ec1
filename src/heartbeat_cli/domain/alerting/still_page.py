"""Tells a page that is only looked at from one that does something: loads, runs, sends, covers.

A report's page lies in the store until it is mailed, and another host of that store may have put any page there. What
a page may hold is listed: elements, attributes and their values, properties of styles and their values. CSS has too
many ways to load something, or to cover what stands beside a mail, for a list of those.
"""

import re

_MOST = 2_000_000  # characters; a report of hundreds of components takes a tenth of that
_MOST_STYLE = 400  # characters of one attribute
_TAG = re.compile(r"</?([a-z][a-z0-9]*)((?:\s[^<>]*)?)>|<!doctype html>", re.I)
_ATTRIBUTE = re.compile(r"""(?<!\s)\s+([a-z-]+)=("[^"<>]*"|'[^'<>]*')""", re.I)
_STRUCTURE = "html head title meta body main section header footer div p span br hr h1 h2 h3 h4 a img"
_LOOKS = "b strong i em small code pre ul ol li dl dt dd table caption thead tbody tfoot tr th td"
_TAGS = frozenset(f"{_STRUCTURE} {_LOOKS}".split())
_COUNT, _COLOUR, _NAME = r"\d{1,4}", r"#[0-9a-f]{3,8}|[a-z]+", r"[a-z]+(?:-[a-z]+)*"
_ANYTHING = ("lang", "dir", "charset", "name", "content", "role", "title", "alt", "scope")
_ATTRIBUTES = {
    **dict.fromkeys(_ANYTHING, re.compile(r".*", re.S)),
    **dict.fromkeys(("border", "cellspacing", "cellpadding", "colspan", "rowspan"), re.compile(_COUNT)),
    **dict.fromkeys(("width", "height"), re.compile(rf"{_COUNT}%?")),
    "align": re.compile("center|justify", re.I),  # a table at the left or right floats
    "valign": re.compile("[a-z]+", re.I),
    "bgcolor": re.compile(_COLOUR, re.I),
    "href": re.compile(r"(https?://|mailto:|#)\S*", re.I),
    "src": re.compile(r"data:image/(png|gif|jpeg);base64,[a-z0-9+/=]*", re.I),
}
# No length is negative, lines are at least as high as their letters, and no box is lower than what it holds: each would
# put text over what stands beside it.
_LENGTH = r"(?:\d{1,4}(?:\.\d{1,3})?|\.\d{1,3})(?:px|pt|em|rem|%)?"
_LINES = r"[1-9](?:\.\d{1,3})?"
_FAMILIES = r"(?:'[a-z0-9 -]+'|[a-z-]+)(?: ?, ?(?:'[a-z0-9 -]+'|[a-z-]+))*"
_SIDES = ("", "-top", "-right", "-bottom", "-left")
_BORDER = rf"(?:{_LENGTH}|{_COLOUR})(?: (?:{_LENGTH}|{_COLOUR})){{0,2}}"
_NAMED = (
    *("display", "text-align", "text-decoration", "text-transform", "vertical-align", "white-space", "overflow-wrap"),
    *("word-break", "word-wrap", "border-collapse", "font-style", "list-style-type"),
)
_STYLES = {
    **dict.fromkeys(_NAMED, _NAME),
    **dict.fromkeys(
        (f"{one}{side}" for one in ("margin", "padding") for side in _SIDES), rf"{_LENGTH}(?: {_LENGTH}){{0,3}}"
    ),
    **dict.fromkeys((f"border{side}" for side in _SIDES), _BORDER),
    **dict.fromkeys(("border-radius", "border-spacing", "font-size", "width", "max-width", "min-width"), _LENGTH),
    **dict.fromkeys(("color", "background", "background-color", "border-color"), _COLOUR),
    "font": rf"(?:(?:normal|italic|bold|[1-9]00) ){{0,2}}{_LENGTH}(?:/{_LINES})? {_FAMILIES}",
    "font-family": _FAMILIES,
    "font-weight": rf"{_NAME}|[1-9]00",
    "line-height": _LINES,
    "opacity": r"0?\.\d{1,3}|1",
}


def is_still(page: str) -> bool:
    """Whether the page holds nothing but text, its looks, links that a reader may follow, and pictures of its own."""
    if len(page) > _MOST or "<" in _TAG.sub("", page):
        return False
    return all(_is_plain(tag[1] or "html", tag[2] or "") for tag in _TAG.finditer(page))


def _is_plain(name: str, rest: str) -> bool:
    if name.lower() not in _TAGS or _ATTRIBUTE.sub("", rest).strip() not in ("", "/"):
        return False
    return all(_is_listed(found[1].lower(), found[2][1:-1]) for found in _ATTRIBUTE.finditer(rest))


def _is_listed(attribute: str, value: str) -> bool:
    if attribute == "style":
        return len(value) <= _MOST_STYLE and all(map(_is_look, value.lower().split(";")))
    allowed = _ATTRIBUTES.get(attribute)
    return allowed is not None and allowed.fullmatch(value) is not None


def _is_look(declaration: str) -> bool:
    """Whether one declaration of a style, in small letters, only says how text looks."""
    if not declaration.strip():
        return True
    name, _, value = (part.strip() for part in declaration.partition(":"))
    return re.fullmatch(_STYLES.get(name, "(?!)"), value) is not None
