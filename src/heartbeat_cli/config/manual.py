"""The manual of every kind, made from its module: docstring, settings class, default ladder.

The first sentence of a module's docstring says to a user what the kind is for; `overview` lists these sentences.
"""

import inspect
import re
import textwrap
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.config import ladders
from heartbeat_cli.config.describe import Field, describe
from heartbeat_cli.config.maintenance import Maintenance
from heartbeat_cli.config.sections import SECTIONS
from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.domain.component import Common
from heartbeat_cli.domain.plain import bounded
from heartbeat_cli.domain.record import Record

_COMMON = """\
Keys that every component takes, besides those of its kind and these:

  kind: one of the kinds of components
  each: what the placeholders of a block stand for, which makes many components: { n = "1..50" }, { n = ["a", "b"] },
      a list of tables, or { from_file = "fleet.json" }; they may stand in any string of the block, the id included
  match: what must fit, for a block that stands for all that is found in each run, as components <block>/<name>: of
      kind docker { label = "…" }, { name = "…" } or { project = "…" }, of kind service { unit = "…" }
  recovery: off, ask or on, or a table { mode = "on", ladder = [{ action = "…", … }, …] } with steps of its own
      and more (`heartbeat kinds ladder`); default: mode of `[recovery]`, and the kind's own ladder"""
_LADDER = """\
Keys of the table `[components.ID.recovery]`, all optional, besides these:

  mode: off, ask or on (the default)
  ladder: the steps, as a list of tables { action = "…", … }; default: the kind's own
  busy: { url = "…" } or { command = ["…"] }, asked before a step whether work is in flight, which is then waited
      for; it takes the keys of the recovery steps http (method GET by default) and command
  drain: the same, called before a step so that work is finished and no more is taken (method POST by default)

It is busy if the address answers 409 or 423, `busy`, true, a number above 0, or a JSON object with such a value under
busy, running, active, in_flight or jobs (a list counts by its length), or if the command ends with exit code 0.
Anything else is not waited for."""
_PACKAGES = {"monitors": "component", "actions": "recovery step", "channels": "channel"}


class Page(Record):
    """The keys of one kind. `room` says what it is a kind of, `about` is its module's docstring, `ladder` the recovery
    steps that a component of it has by default. The fields are the keys of the JSON form."""

    kind: str
    room: str
    about: str
    keys: list[Field]
    ladder: list[dict[str, str]]


def pages() -> list[Page]:
    """A page for each kind, for what every component takes, and for each section of the file."""
    found = []
    for package in _PACKAGES:
        plugins.begin(package, plugins.known(package))
    for package, what in _PACKAGES.items():
        for kind in plugins.known(package):
            module = plugins.load(package, kind)
            ladder = [dict(step) for step in getattr(module, "LADDER", ())]
            found.append(Page(kind, what, _about(module), describe(module.Settings), ladder))
    found.append(Page("common", "component", _COMMON, describe(Common), []))
    about = "Keys that every channel takes, besides `kind` and its kind's own."
    found.append(Page("common", "channel", about, describe(ChannelCommon), []))
    found.append(Page("ladder", "component", _LADDER, describe(ladders.Keys), []))
    about = "Keys that every step of a ladder takes, besides `action` and its action's own."
    found.append(Page("common", "recovery step", about, describe(ladders.StepKeys), []))
    for name, cls in (*SECTIONS.items(), ("maintenance", Maintenance)):
        found.append(Page(f"[{name}]", "section", "", describe(cls), []))
    return found


def _about(module: ModuleType) -> str:
    """A module's docstring; that of a plug-in says which package it is of, too."""
    text, plugin = inspect.getdoc(module) or "", getattr(module, "PLUGIN", None)
    if plugin is None:
        return text
    return f"{bounded(text, 20_000) or 'Says nothing about itself.'}\n\nPlug-in of the package {plugin.origin}."


_OVERVIEW = (
    ("component", 'What can be watched (kind = "…" in [components.ID])'),
    ("recovery step", 'What recovers it (action = "…" in its ladder)'),
    ("channel", 'What notifies people (kind = "…" in [channels.ID])'),
)
_ALSO = """\
`heartbeat kinds KIND` shows the keys of a kind, `heartbeat kinds common` those that every component and every channel
takes, `heartbeat kinds ladder` those of a component's recovery. The sections of the file are shown by their names:
{sections}."""
_OF_ALL = ("common", "ladder")


def summary(page: Page) -> str:
    """What a kind is for: the first sentence of its module's docstring."""
    return " ".join(re.split(r"(?<=\.)\s", page.about)[0].split())


def overview(found: list[Page]) -> str:
    """What can be watched, what recovers it, and what notifies people: a line for each kind."""
    lines = []
    for room, heading in _OVERVIEW:
        kinds = [page for page in found if page.room == room and page.kind not in _OF_ALL]
        widest = max(len(page.kind) for page in kinds)
        lines += [f"{heading}:", *(f"  {page.kind:<{widest}}  {summary(page)}" for page in kinds), ""]
    sections = ", ".join(page.kind.strip("[]") for page in found if page.room == "section")
    return "\n".join([*lines, _ALSO.format(sections=sections)])


def text(page: Page) -> str:
    """A page for a terminal."""
    lines = [f"{page.kind} ({page.room})", ""]
    lines += [f"  {line}".rstrip() for line in page.about.splitlines()]
    lines += [""] if page.about else []
    lines += _key_lines(page.keys, "  ")
    if page.ladder:
        lines += ["", "  recovery steps by default, those whose keys are set:"]
        lines += [f"      {number}. {_step_line(step)}" for number, step in enumerate(page.ladder, 1)]
    return "\n".join(lines)


def _key_lines(keys: Sequence[Field], indent: str) -> list[str]:
    """Each key with its help, and below it the keys of the tables that it takes."""
    lines = []
    for key in keys:
        default = "required" if key.default is None else f"default {key.default}"
        lines.append(f"{indent}{key.key}: {key.expects}, {default}")
        inner = indent + "    "
        lines += textwrap.wrap(key.help, 96, initial_indent=inner, subsequent_indent=inner)
        lines += _key_lines(key.keys, inner)
    return lines


def json_keys(keys: Sequence[Field]) -> list[dict[str, Any]]:
    """Keys as the JSON form has them; only one that takes tables has `keys`."""
    plain = [{name: value for name, value in key._asdict().items() if name != "keys"} for key in keys]
    return [one | ({"keys": json_keys(key.keys)} if key.keys else {}) for one, key in zip(plain, keys, strict=True)]


def _step_line(step: dict[str, str]) -> str:
    return ", ".join(f'{key} = "{value}"' for key, value in step.items())
