"""What a report is made of, before it takes a form: lines already worded, redacted and rounded, nothing escaped."""

from heartbeat_cli.domain.record import Record


class Item(Record):
    """Something that happened: a level (bad, warn, ok, dim), what it is about, the facts in short, and lines below.
    `incident` is the id of the incident it is about, if any."""

    level: str
    head: str
    facts: str
    lines: tuple[str, ...] = ()
    incident: str = ""


class Fact(Record):
    """A figure with its name; further lines say more about it."""

    label: str
    lines: tuple[str, ...]
    level: str = ""


class Table(Record):
    """Heads and cells; `numbers` is the first column that holds figures. `ids` name the rows, for drawings."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: int = 99
    ids: tuple[str, ...] = ()


class Part(Record):
    """One heading's worth. `note` is said below everything else, or alone."""

    key: str
    heading: str = ""
    items: tuple[Item, ...] = ()
    facts: tuple[Fact, ...] = ()
    table: Table | None = None
    note: str = ""


class Report(Record):
    """A whole report: `level` and `verdict` say how the period was, `parts` are in reading order; `brief` are those of
    the text form. `notice` is what must be known before all else."""

    title: str
    about: str
    level: str
    verdict: str
    parts: tuple[Part, ...]
    brief: tuple[Part, ...]
    notice: str = ""
