"""`heartbeat kinds`: the manual, made from the program."""

import json
from pathlib import Path

import pytest

from heartbeat_cli import plugins
from heartbeat_cli.config.ladders import KEYS
from heartbeat_cli.config.sections import SECTIONS
from tests.parts.verb import heartbeat


def pages(home: Path, *names: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(heartbeat(home, "kinds", *names, "--format", "json").out)
    return found


def test_all_of_them(tmp_path: Path) -> None:
    kinds = [kind for room in plugins.PACKAGES for kind in plugins.kinds(room)]
    sections = [*(f"[{name}]" for name in SECTIONS), "[maintenance]"]
    assert [page["kind"] for page in pages(tmp_path)] == [*kinds, "common", "common", "ladder", "common", *sections]


@pytest.mark.parametrize("kind", sorted({kind for room in plugins.PACKAGES for kind in plugins.kinds(room)}))
def test_each_says_its_keys(tmp_path: Path, kind: str) -> None:
    text = heartbeat(tmp_path, "kinds", kind).out
    for page in pages(tmp_path, kind):
        assert f"{kind} ({page['room']})" in text
        for key in page["keys"]:  # type: ignore[attr-defined]
            assert f"  {key['key']}: {key['expects']}, " in text


# What a user need not know: how a kind is built.
IMPLEMENTATION = ("shape", "sdk", "rung", "engine", "module", "settings", "ladder.", "call.", "api", "_", "batch")


def test_without_a_kind_it_says_in_a_line_each_what_can_be_watched(tmp_path: Path) -> None:
    ended = heartbeat(tmp_path, "kinds")
    assert (ended.code, ended.err) == (0, "")
    said = ended.out.split("\n\n")
    assert [part.splitlines()[0].split(" (")[0] for part in said[:3]] == [
        "What can be watched",
        "What recovers it",
        "What notifies people",
    ]
    for part, package in zip(said, plugins.PACKAGES, strict=False):
        lines = part.splitlines()[1:]
        assert [line.split()[0] for line in lines] == list(plugins.kinds(package))
        for line in lines:
            kind, text = line.split(maxsplit=1)
            assert len(line) <= 110 and len(text) > 12, line
            assert not [word for word in IMPLEMENTATION if word in text.lower().replace("restart_main", "")], line
            assert not text.startswith(kind), line
    assert "`heartbeat kinds KIND`" in said[3]


def test_a_page(tmp_path: Path) -> None:
    ended = heartbeat(tmp_path, "kinds", "push")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("push (component)\n\n")
    assert "  period: a duration, required\n      seconds between two beats" in ended.out
    assert "  grace: a duration, default 60\n" in ended.out


def test_the_keys_of_inner_tables_stand_below_their_key(tmp_path: Path) -> None:
    out = heartbeat(tmp_path, "kinds", "prometheus").out
    assert "  checks: a list, a table each, required\n      limits on" in out
    assert "\n      op: one of >=, <=, <, >, ==, !=, contains, required\n          what must hold" in out
    (page,) = pages(tmp_path, "progress")
    fields = {key["key"]: key for key in page["keys"]}  # type: ignore[attr-defined]
    ways = {key["key"]: key for key in fields["waiting"]["keys"]}
    assert [key["key"] for key in ways["file"]["keys"]] == ["path", "what"]
    assert "keys" not in fields["within"]


def test_default_ladders_are_shown(tmp_path: Path) -> None:
    out = heartbeat(tmp_path, "kinds", "agent").out
    assert '  recovery steps by default, those whose keys are set:\n      1. action = "systemd", unit = "{unit}"' in out


@pytest.mark.parametrize("name", ["recovery", "[recovery]"])
def test_a_section(tmp_path: Path, name: str) -> None:
    assert heartbeat(tmp_path, "kinds", name).out.startswith("[recovery] (section)\n\n  mode: one of off, ask, on, ")


def test_what_every_component_takes(tmp_path: Path) -> None:
    out = heartbeat(tmp_path, "kinds", "common").out
    for key in ("kind", "recovery", "interval", "depends_on", "observer"):
        assert f"  {key}: " in out


def test_the_recovery_table_of_a_component(tmp_path: Path) -> None:
    out = heartbeat(tmp_path, "kinds", "ladder").out
    assert [key for key in KEYS if f"  {key}: " not in out] == []
    assert "  busy_wait: a duration, default 300\n" in out


def test_an_unknown_one_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    ended = heartbeat(tmp_path, "kinds", "channels")
    assert ended.code == 2
    assert ended.err.startswith("heartbeat: unknown kind 'channels'") and "telegram" in ended.err
