"""Keep secrets out of everything that is shown: what counts as one, and how it is blotted out."""

import re
from collections.abc import Iterable

BLOT = "•••"
_USERINFO = re.compile(r"(?P<head>\b[a-z][a-z0-9+.-]*://[^\s/@:]*:)(?P<secret>[^\s@/]+)(?=@)", re.I)
_ASSIGNED = re.compile(
    r"(?P<head>\b(?:password|passwd|secret|token|api_?key|sslpassword)\s*[=:]\s*)(?P<secret>'[^']*'|[^\s&;,'\"]+)",
    re.I,
)
_BEARER = re.compile(r"(?P<head>\b(?:bearer|basic)\s+)(?P<secret>[A-Za-z0-9._~+/=-]{8,})", re.I)
_BOT = re.compile(r"(?P<head>/bot)(?P<secret>\d+:[A-Za-z0-9_-]+)")
_PATTERNS = (_USERINFO, _ASSIGNED, _BEARER, _BOT)


def secret_parts(text: str) -> set[str]:
    """The passwords and tokens standing inside a longer value such as a DSN or a URL."""
    return {match["secret"].strip("'") for pattern in _PATTERNS for match in pattern.finditer(text)}


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with known secrets, and whatever looks like one, blotted out."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, BLOT)
    for pattern in _PATTERNS:
        text = pattern.sub(lambda match: match["head"] + BLOT, text)
    return text
