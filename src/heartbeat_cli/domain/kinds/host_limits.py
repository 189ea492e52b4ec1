"""What a host is short of, by what its check said. Pure."""

from collections.abc import Iterator

from heartbeat_cli.domain.plain import percent
from heartbeat_cli.domain.text import Text

MORE = Text("further disks: {n:,}")  # what a line stands for that names none

# What a line of the check is about, by its template: the name of the limit, and the word for it.
_ABOUT = {
    "CPU {share:.0f} % busy": ("cpu", "cpu"),
    "load {load:.1f} on {n} CPUs, {each:.1f} each": ("load", "cpu"),
    "memory {share:.0f} % used": ("memory", "memory"),
    "swap {share:.0f} % used": ("swap", "swap"),
    "disk {point} {share:.0f} % full": ("disk", "space"),
    "disk {point} {inodes:.0f} % of inodes used": ("inodes", "inodes"),
}


def short_of(said: str, settings: object) -> list[str]:
    """What is over a critical limit of these settings: `space`, `inodes`, `memory`, `swap`, `cpu`, in the order in
    which it was said; none where something else is wrong, too, or nothing is known."""
    found: dict[str, None] = {}
    for line, limit in _lines(said):
        if line.template == MORE.template:
            continue
        name, what = _ABOUT.get(line.template, ("", ""))
        critical = getattr(settings, f"{name}_critical", None) if name else None
        if not what:
            return []
        if critical and limit == (f"{critical:g}" if name == "load" else percent(critical)):
            found[what] = None
    return list(found)


def concerned(said: str) -> set[str]:
    """What the lines of a check are about, over whichever limit; "" among them for a line that is about none of
    these."""
    return {_ABOUT.get(line.template, ("", ""))[1] for line, _ in _lines(said) if line.template != MORE.template}


def _lines(said: str) -> Iterator[tuple[Text, str]]:
    """Each thing that was found, and its limit."""
    if not isinstance(said, Text):
        return
    if set(said.values) == {"first", "then"}:
        for part in said.values.values():
            yield from _lines(str(part))
    elif isinstance(line := said.values.get("line"), Text):
        yield line, str(said.values.get("limit", ""))
    else:
        yield said, ""
