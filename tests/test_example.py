"""The example configuration and the example crontab: they load as they are, and nothing is missing in them."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli import plugins
from heartbeat_cli.config import load
from heartbeat_cli.config.ladders import KEYS
from heartbeat_cli.config.sections import SECTIONS
from heartbeat_cli.config.settings import key_of
from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.domain.component import Common
from heartbeat_cli.domain.kinds.crontab import Job, block, tick
from heartbeat_cli.domain.strategy import STRATEGIES

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "heartbeat.example.toml").read_text(encoding="utf-8")
_SETTING = re.compile(r"#(?=\S)")  # `#` and a blank explains, `#` alone is a setting switched off
_HEADER = re.compile(r"#?\[+([^\]]+)\]+$")


def uncommented(lines: list[str]) -> str:
    return "\n".join(_SETTING.sub("", line, count=1) if _SETTING.match(line) else line for line in lines)


def blocks() -> Iterator[tuple[str, list[str]]]:
    """Each section with its lines; a section below another one belongs to it."""
    name, lines = "", list[str]()
    for line in TEXT.splitlines():
        header = _HEADER.match(line)
        if header and not header[1].startswith(f"{name}."):
            yield name, lines
            name, lines = header[1], []
        lines.append(line)
    yield name, lines


BLOCKS = {name: lines for name, lines in blocks() if name}
OFF = [name for name, lines in BLOCKS.items() if lines[0].startswith("#")]


@pytest.fixture(scope="module")
def shipped() -> load.Config:
    return load.load(tomllib.loads(TEXT), "heartbeat.example.toml")


def test_it_is_the_deployment_it_was_designed_for(shipped: load.Config) -> None:
    agents = [
        ("main", "Main Agent", 8000),
        ("chat", "Chat Assistant", 8001),
        ("coding", "Worker", 8002),
        ("system-admin", "System Admin", 8003),
        ("weather", "Weather Agent", 8004),
    ]
    found = [(c.id, c.name, c.settings.url) for c in shipped.components.values() if c.kind == "agent"]
    assert found == [(id_, name, f"http://localhost:{port}/health") for id_, name, port in agents]
    paces = {
        c.id: (c.kind, c.common.interval, c.common.timeout, c.common.fail_threshold)
        for c in shipped.components.values()
    }
    assert paces == {
        **{id_: ("agent", 60, 10, 3) for id_, _, _ in agents},
        "db": ("database", 60, 10, 3),
        "openclaw-postgres": ("docker", 30, 5, 3),
        "gateway": ("docker", 30, 5, 3),
        "host": ("host", None, None, 3),
    }
    assert shipped.components["openclaw-postgres"].settings.container == "openclaw-postgres"
    assert shipped.components["gateway"].settings.container == "openclaw-gateway"
    assert (shipped.timezone, shipped.heartbeat.locale) == ("Asia/Hong_Kong", "zh-HK")
    assert '"en"' in TEXT
    assert shipped.store == shipped.components["db"].settings.dsn  # the store is the PostgreSQL that is watched


def test_each_kind_is_healed_as_designed(shipped: load.Config) -> None:
    ladders = {c.id: [step.action for step in c.plan.ladder] for c in shipped.components.values()}
    assert ladders["main"] == ["systemd", "script"]
    assert ladders["db"] == ["postgres", "docker", "script"]
    assert ladders["gateway"] == ["docker", "script"]
    assert {c.plan.mode for c in shipped.components.values()} == {"on"}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_key_stands_in_it(section: str) -> None:
    missing = [k for k in SECTIONS[section].__annotations__ if not has_key(BLOCKS[section], key_of(k))]
    assert missing == []


def test_every_common_key_stands_in_it() -> None:
    lines = [*BLOCKS["defaults"], *BLOCKS["components.main"]]
    missing = [key for key in (*Common.__annotations__, "kind", "recovery") if not has_key(lines, key)]
    assert missing == []
    assert [key for key in ChannelCommon.__annotations__ if not has_key(BLOCKS["channels.console"], key)] == []


def test_every_key_of_a_recovery_table_stands_in_it() -> None:
    lines = [*BLOCKS["components.web"], "ladder = []"]  # a step stands there as a table of its own
    assert [key for key in KEYS if not has_key(lines, key)] == []


def has_key(lines: list[str], key: str) -> bool:
    return any(re.match(rf"#?{key} = ", line) for line in lines)


def test_every_key_is_explained_where_it_first_appears() -> None:
    """The line above a key explains it, unless the same key was explained before in a section of that sort."""
    known: set[tuple[str, str]] = set()
    unexplained = []
    for name, lines in BLOCKS.items():
        sort, explained = name.partition(".")[0].replace("defaults", "components"), False
        for line in lines:
            header = _HEADER.match(line)
            if key := re.match(r"#?(\w+) = ", line):
                place = (sort, key[1])
                if not explained and place not in known and key[1] not in ("kind", "action"):
                    unexplained.append(f"{name}.{key[1]}")
                known.add(place)
            explained = line.startswith("# ") or (explained and bool(header))
    assert unexplained == []


@pytest.mark.parametrize("name", OFF)
def test_a_block_that_is_switched_off_loads_when_it_is_switched_on(name: str) -> None:
    whole = TEXT + "\n" + uncommented(BLOCKS[name])
    assert load.load(tomllib.loads(whole), name)


def test_everything_at_once_loads_and_shows_every_kind() -> None:
    text = uncommented(TEXT.splitlines())
    text = text.replace('"/etc/heartbeat/templates"', f'"{ROOT / "templates"}"')  # the one folder that must be there
    everything = load.load(tomllib.loads(text), "everything")
    assert {c.kind for c in everything.components.values()} == set(plugins.kinds("monitors"))
    assert {c.kind for c in everything.channels.values()} == set(plugins.kinds("channels"))
    tables: dict[str, Any] = dict(everything.tables["components"])
    own = [
        step
        for table in tables.values()
        if isinstance(table.get("recovery"), dict)
        for step in table["recovery"]["ladder"]
    ]
    assert {step["action"] for step in own} == set(plugins.kinds("actions"))


def test_the_example_crontab_is_what_the_builder_makes() -> None:
    text = (ROOT / "crontab.example").read_text(encoding="utf-8")
    job = Job(("/usr/local/bin/heartbeat",), "/etc/heartbeat/heartbeat.toml")
    made = block(job, tick(STRATEGIES["normal"].interval))
    assert text.endswith(made)
    assert all(line.startswith("#") for line in text.removesuffix(made).splitlines())
