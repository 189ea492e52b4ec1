"""Keep secrets out of everything that is shown: what counts as one, and how it is blotted out.

Known secrets are blotted by value; what only looks like one is the safety net below that. No pattern may take more
than a little longer for twice the text: what is redacted comes from outside.
"""

import re
from collections.abc import Iterable

BLOT = "•••"
_SHORTEST = 4  # a shorter secret would blot out half of every text

# To the last @ before the path: a password may hold an @ that should have been written %40.
_USERINFO = re.compile(r"(?P<head>\b[a-z][a-z0-9+.-]{0,30}://[^\s/@:]*:)(?P<secret>[^\s/]+)(?=@)", re.I)
_ASSIGNED = re.compile(
    r"(?P<head>(?:password|passwd|passphrase|secret|token|api[_-]?key)[\"']?\s{0,9}"
    r"(?:=|:(?!\s{0,9}[a-z]{1,30}\s[a-z]))\s{0,9})"  # `/run/secret: No such file` is prose
    r"(?P<secret>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s&;,'\"]+)",
    re.I,
)
# `basic authentication` is no secret: one has more than small letters.
_BEARER = re.compile(r"(?P<head>\b(?i:bearer|basic)\s{1,9})(?=[a-z]*[^a-z\s])(?P<secret>[A-Za-z0-9._~+/=-]{8,})")
_BOT = re.compile(r"(?P<head>/bot)(?P<secret>\d+:[A-Za-z0-9_-]+)")
_PATTERNS = (_USERINFO, _ASSIGNED, _BEARER, _BOT)


def secret_parts(text: str) -> set[str]:
    """The passwords and tokens standing inside a longer value such as a DSN or a URL."""
    return {match["secret"].strip("'\"") for pattern in _PATTERNS for match in pattern.finditer(text)}


def worth_hiding(secrets: Iterable[str]) -> frozenset[str]:
    """Those that are long enough to be told from ordinary words."""
    return frozenset(secret for secret in secrets if len(secret) >= _SHORTEST)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with known secrets, and whatever looks like one, blotted out."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, BLOT)
    for pattern in _PATTERNS:
        text = pattern.sub(lambda match: match["head"] + BLOT, text)
    return text


def pieces(address: str) -> frozenset[str]:
    """Every word of an address that is a secret as a whole, as written and as meant: for errors about it."""
    from urllib.parse import unquote

    words = re.split(r"[/?#&=:@,;\s]+", address)
    return worth_hiding({*words, *map(unquote, words)})
