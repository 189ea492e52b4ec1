"""The TOML blocks of the manual's recipes, each run by a test that takes it from its page.

`runs` marks the test that runs a block and hands it over as `recipe`; tests/e2e/test_recipes.py fails for a block that
no test has taken."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from heartbeat_cli.config import places
from heartbeat_cli.domain.category import Failure
from heartbeat_cli.domain.checking.result import Reading
from tests.parts.manual import DOCS
from tests.parts.scene import Scene
from tests.parts.stores import opened

PAGES = ("models-and-mcp", "queues-and-budgets", "openclaw", "patroni")
TAKEN: set[tuple[str, str, int]] = set()

Said = tuple[str, str | None, str | None]  # status, category, remedy
WELL: Said = ("healthy", None, None)
STUCK: Said = ("unhealthy", "process", "restart")


class Recipe(NamedTuple):
    """A block: its page, the heading above it, which of that heading's it is (from 1), and its text."""

    page: str
    heading: str
    number: int
    text: str

    def tables(self, here: Mapping[str, str]) -> dict[str, Any]:
        """The configuration, with addresses, keys and paths of the manual replaced by those of this host. Each of them
        must stand in the block, so that nothing is replaced that the manual no longer says."""
        text = self.text
        for said, local in here.items():
            assert said in text, f"the block says no longer {said}"
            text = text.replace(said, local)
        return tomllib.loads(text)


def recipes(page: str) -> Iterator[Recipe]:
    """Every TOML block of a page, in order."""
    heading, count = "", 0
    text = (DOCS / f"recipes/{page}.md").read_text(encoding="utf-8")
    for title, language, block in re.findall(r"^#+ ([^\n]+)$|^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        if title:
            heading, count = title, 0
        elif language == "toml":
            count += 1
            yield Recipe(page, heading, count, block)


def runs(page: str, heading: str, number: int = 1) -> pytest.MarkDecorator:
    """The decorated test runs this block, which it (or a fixture of it) gets as `recipe`."""
    found = next((one for one in recipes(page) if (one.heading, one.number) == (heading, number)), None)
    assert found is not None, f"docs/recipes/{page}.md has no TOML block {number} under {heading!r}"
    TAKEN.add((page, heading, number))
    return pytest.mark.parametrize("recipe", [found], ids=[f"{page}: {heading} {number}"])


class World(Scene):
    """A block under real passes, in a store of its own; `here` replaces what the block says (see `Recipe.tables`)."""

    def __init__(self, recipe: Recipe, folder: Path, here: Mapping[str, str]) -> None:
        url = f"sqlite:///{folder / 'store.db'}"
        tables = recipe.tables(here)
        super().__init__(opened(url), url, folder, tables.pop("components"), **tables)
        places.config_folder(self.config).mkdir(parents=True, mode=0o700)  # a run makes it

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *error: object) -> None:
        self.db.close()

    def all(self, after: float = 30.0) -> Mapping[str, Reading]:
        """Time goes on by so many seconds, then a pass checks every component and detects: what it saw, by id."""
        self.now += after
        seen = self.check(*self.config.components)
        self.detect()
        return seen.readings

    def reading(self, after: float = 30.0) -> Reading:
        """The same, of the first component."""
        return next(iter(self.all(after).values()))

    def said(self, after: float = 30.0) -> Said:
        """The same, as status, category and remedy."""
        return said(self.reading(after))

    def all_said(self, after: float = 30.0) -> list[Said]:
        """The same of each component, in order."""
        return [said(one) for one in self.all(after).values()]

    def readings(self, times: int, after: float = 30.0) -> list[Reading]:
        """What so many passes saw of the first component."""
        return [self.reading(after) for _ in range(times)]

    def steps(self, component: str) -> list[str]:
        """The actions of its recovery, in order."""
        return [one.action for one in self.config.components[component].plan.ladder]


def said(reading: Reading) -> Said:
    failure: Failure | None = reading.failure
    return reading.status, failure and failure.category, failure and failure.remedy


def secret(folder: Path, name: str, value: str) -> str:
    """The path of a file of ours alone that holds a secret."""
    path = folder / name
    path.write_text(value + "\n")
    os.chmod(path, 0o600)
    return str(path)
