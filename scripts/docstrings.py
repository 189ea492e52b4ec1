"""The docstring of a kind in parts, for those who print it: prose, lists and examples."""

import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple


class Part(NamedTuple):
    """A part of a docstring: `kind` is prose, items or example; `text` is that of prose and examples, `items` are the
    names of a list with their texts."""

    kind: str
    text: str = ""
    items: tuple[tuple[str, str], ...] = ()


def parts(about: str) -> Iterator[Part]:
    """The parts of a docstring, in order; an example with empty lines is one part."""
    example: list[str] = []
    for lines in _blocks(about):
        if all(line.startswith("    ") for line in lines):
            example.append(textwrap.dedent("\n".join(lines)))
            continue
        if example:
            yield Part("example", "\n\n".join(example))
            example = []
        items = _items(lines)
        yield Part("items", items=items) if items else Part("prose", " ".join(line.strip() for line in lines))
    if example:
        yield Part("example", "\n\n".join(example))


def _blocks(about: str) -> list[list[str]]:
    """The paragraphs, and in them what is indented by two as a block of its own."""
    found: list[list[str]] = []
    for part in re.split(r"\n\s*\n", about):
        lines = part.split("\n")
        inner = next((n for n, line in enumerate(lines) if re.match(r"  \w", line)), len(lines))
        found += [one for one in (lines[:inner], textwrap.dedent("\n".join(lines[inner:])).split("\n")) if any(one)]
    return found


def _items(lines: list[str]) -> tuple[tuple[str, str], ...] | None:
    """A block of `name   text` or `name: text` lines with continuations as a list; None when it is not one."""
    items: list[list[str]] = []
    for line in lines:
        if match := re.match(r"(\w+)(?:: |  +)(?=\S)(.*)$", line):
            items.append([match[1], match[2]])
        elif items and line.startswith("    "):
            items[-1][1] += " " + line.strip()
        else:
            return None
    return tuple((name, text) for name, text in items) if len(items) > 1 else None
