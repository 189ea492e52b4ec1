"""What `heartbeat doctor` prints for a person: one line a class of problem, in the reader's language."""

from collections.abc import Iterable, Iterator
from typing import Any

from heartbeat_cli.domain.finding import Finding
from heartbeat_cli.domain.text import Text, listed
from heartbeat_cli.i18n.catalogs import N_, translated, word

MARKS = {"ok": N_("ok  ", "mark"), "warn": N_("warn", "mark"), "bad": N_("BAD ", "mark")}
_TOPICS = {
    "config": N_("config", "topic"),
    "store": N_("store", "topic"),
    "state": N_("state", "topic"),
    "templates": N_("templates", "topic"),
    "scripts": N_("scripts", "topic"),
    "proxy": N_("proxy", "topic"),
    "channels": N_("channels", "topic"),
    "unit": N_("unit", "topic"),
    "scheduler": N_("scheduler", "topic"),
    "last pass": N_("last pass", "topic"),
    "mail": N_("mail", "topic"),
    "timezone": N_("timezone", "topic"),
}
_NAMED = 4  # of the others that share a problem; the rest is counted


def classes(findings: Iterable[Finding]) -> Iterator[list[Finding]]:
    """Findings that differ in names and figures only, together; in the order of the first of each class."""
    found: dict[Any, list[Finding]] = {}
    for one in findings:
        found.setdefault((one.level, *map(_shape, (one.topic, one.text, one.advice))), []).append(one)
    yield from found.values()


def line(same: list[Finding], locale: str) -> str:
    """The first of a class in full, the next ones by name."""
    first, *others = same
    topic, text = first.topic, translated(first.text, locale)
    topic = word(_TOPICS[topic], locale) if topic in _TOPICS else translated(topic, locale)
    if names := list(dict.fromkeys(_subject(one) for one in others if _subject(one) != _subject(first))):
        shown = translated(listed(names[:_NAMED]), locale)
        text = translated(Text("{text}; likewise {names}", text=text, names=shown), locale)
        if more := len(names) - _NAMED:
            text = text if more < 0 else translated(Text("{text} and {count} more", text=text, count=more), locale)
    elif others:
        text = translated(Text("{text} and {count} more", text=text, count=len(others)), locale)
    return translated(Text("{topic}: {text}", topic=topic, text=text), locale)


def advice(same: list[Finding], locale: str) -> str:
    """What to do about a class of problem."""
    return translated(same[0].advice, locale)


def verdict(levels: list[str]) -> tuple[str, Text]:
    """The level and the sentence that sum up the classes of these levels."""
    bad, warn = levels.count("bad"), levels.count("warn")
    remarks = Text.counted(warn, "{n} remark to think about", "{n} remarks to think about")
    if bad:
        problems = Text.counted(bad, "{n} problem must be corrected", "{n} problems must be corrected")
        return "bad", Text("{first}, {then}", first=problems, then=remarks) if warn else problems
    if warn:
        return "warn", Text("nothing must be corrected; {remarks}", remarks=remarks)
    return "ok", Text("everything that heartbeat depends on is in order")


def _shape(text: str) -> Any:
    """A sentence without its names and figures."""
    if not isinstance(text, Text):
        return text
    return text.template, *(_shape(one) for one in text.values.values() if isinstance(one, Text))


def _subject(one: Finding) -> str:
    """What a finding is about: what its topic, or else its text, names."""
    for text in (one.topic, one.text):
        if isinstance(text, Text) and text.values:
            return str(next(iter(text.values.values())))
    return one.text
