"""An e-mail address as a person writes it: `ops@example.org`, or `Ops <ops@example.org>`."""

import re

from heartbeat_cli.domain.record import Record

_SPEC = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?"
_ALONE = re.compile(_SPEC)
_NAMED = re.compile(rf"(?P<name>[^<>]*)<(?P<spec>{_SPEC})>")


class MailAddress(Record):
    name: str
    user: str
    domain: str


def read(text: str) -> MailAddress:
    """Its parts. Raises ValueError for anything else, and for an address with characters beyond ASCII, which many
    servers cannot take; the name may have them."""
    named = _NAMED.fullmatch(text.strip())
    spec = named["spec"] if named else text.strip()
    if not _ALONE.fullmatch(spec) or not text.isprintable():
        raise ValueError("expected name@host or Name <name@host>, the address in ASCII")
    user, _, domain = spec.rpartition("@")
    if ".." in spec or user.startswith(".") or user.endswith("."):
        raise ValueError("a dot stands where none may stand")
    return MailAddress(named["name"].strip().strip('"').strip() if named else "", user, domain)
