"""Tells a page that is only looked at from one that does something: loads, runs, sends, covers.

A report's page lies in the store until it is mailed, and another host of that store may have put any page there.
"""

import re

_MOST = 2_000_000  # characters; a report of hundreds of components takes a tenth of that
_TAG = re.compile(r"</?([a-z][a-z0-9]*)((?:\s[^<>]*)?)>|<!doctype html>", re.I)
_ATTRIBUTE = re.compile(r"""(?<!\s)\s+([a-z-]+)=("[^"<>]*"|'[^'<>]*')""", re.I)
_STRUCTURE = "html head title meta body main section header footer div p span br hr h1 h2 h3 h4 a img"
_LOOKS = "b strong i em small code pre ul ol li dl dt dd table caption thead tbody tfoot tr th td"
_SAID = "style class lang dir charset name content role title alt scope href src"
_SIZED = "cellspacing cellpadding border align valign width height colspan rowspan bgcolor"
_TAGS, _ATTRIBUTES = frozenset(f"{_STRUCTURE} {_LOOKS}".split()), frozenset(f"{_SAID} {_SIZED}".split())
_WHERE = {
    "href": re.compile(r"(https?://|mailto:|#)\S*", re.I),
    "src": re.compile(r"data:image/(png|gif|jpeg);base64,[a-z0-9+/=]*", re.I),
}
_MOVES = re.compile(r"url|import|expression|position|behavior|[\\&]", re.I)  # in a style


def is_still(page: str) -> bool:
    """Whether the page holds nothing but text, its looks, links that a reader may follow, and pictures of its own."""
    if len(page) > _MOST or "<" in _TAG.sub("", page):
        return False
    return all(_is_plain(tag[1] or "html", tag[2] or "") for tag in _TAG.finditer(page))


def _is_plain(name: str, rest: str) -> bool:
    if name.lower() not in _TAGS or _ATTRIBUTE.sub("", rest).strip() not in ("", "/"):
        return False
    for found in _ATTRIBUTE.finditer(rest):
        key, value = found[1].lower(), found[2][1:-1]
        if key not in _ATTRIBUTES or (key == "style" and _MOVES.search(value)):
            return False
        if key in _WHERE and not _WHERE[key].fullmatch(value):
            return False
    return True
