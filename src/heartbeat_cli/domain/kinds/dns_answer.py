"""The records that a name must have. Pure; records are texts as zone files have them.

https://www.rfc-editor.org/rfc/rfc1035 (A, CNAME, MX, NS, PTR, SOA, TXT), rfc3596 (AAAA), rfc2782 (SRV), rfc8659 (CAA)
"""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Literal

from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.text import Text, joined, listed

Type = Literal["A", "AAAA", "CNAME", "MX", "NS", "TXT", "SRV", "CAA", "PTR", "SOA"]

_SHOWN = 5  # records in one message
_LONGEST = 100  # characters of one


def canonical(kind: Type, record: str) -> str:
    """A record as it is compared: upper case, the dot at the end of names and quotation marks do not matter, but in a
    TXT record; addresses are the same in every way to write them."""
    if kind == "TXT":
        return record
    if kind in ("A", "AAAA"):
        try:
            return ip_address(record.strip()).compressed
        except ValueError:
            return record.strip().lower()
    return " ".join(word.strip('"').lower().rstrip(".") or "." for word in record.split())


def mistake(kind: Type, found: Sequence[str], expect: Sequence[str], only: bool) -> str | None:
    """What is wrong with the records of this type that were found; None where they are as expected."""
    there = {canonical(kind, one): one for one in found}
    wanted = {canonical(kind, one): one for one in expect}
    missing = [one for key, one in wanted.items() if key not in there]
    extra = [one for key, one in there.items() if key not in wanted] if only and wanted else []
    lines = []
    if missing:
        lines.append(Text("{type} is {found}, expected {wanted}", type=kind, found=_list(found), wanted=_list(missing)))
    if extra:
        lines.append(Text("{type} has {found}, which is not expected", type=kind, found=_list(extra)))
    return joined(lines) or None


def _list(records: Sequence[str]) -> str:
    shown = [one_line(one, _LONGEST) for one in records[:_SHOWN]]
    return listed([*shown, "…"] if len(records) > _SHOWN else shown)
