"""`heartbeat strategy`: one command, remembered."""

import json
from pathlib import Path

import pytest

from tests.parts.verb import heartbeat

PUSH = '[components.job]\nkind = "push"\nperiod = 60\n'
SHOWN = {
    "aggressive": "aggressive    every 15 s, timeout 3 s",
    "normal": "normal        every 30 s, timeout 5 s",
    "conservative": "conservative  every 60 s, timeout 10 s",
}


def shown(current: str) -> str:
    return "".join(f"{'*' if name == current else ' '} {line}\n" for name, line in SHOWN.items())


def test_show_and_set(tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text(PUSH)
    assert heartbeat(tmp_path, "strategy") == (0, shown("normal"), "")
    assert heartbeat(tmp_path, "strategy", "show") == (0, shown("normal"), "")
    ended = heartbeat(tmp_path, "strategy", "set", "aggressive")
    line = "strategy aggressive: every 15 s, timeout 3 s (then `heartbeat crontab --install` or"
    line += " `heartbeat timer --install`)\n"
    assert ended == (0, line, "")
    assert heartbeat(tmp_path, "strategy") == (0, shown("aggressive"), "")
    found = json.loads(heartbeat(tmp_path, "strategy", "show", "--format", "json").out)
    known = found.pop("known")
    assert found == {"strategy": "aggressive", "interval": 15.0, "timeout": 3.0}
    assert known["conservative"] == {"interval": 60.0, "timeout": 10.0} and set(known) == set(SHOWN)


def test_what_was_set_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text('[heartbeat]\nstrategy = "conservative"\n' + PUSH)
    assert heartbeat(tmp_path, "strategy") == (0, shown("conservative"), "")
    heartbeat(tmp_path, "strategy", "set", "normal")
    assert heartbeat(tmp_path, "strategy") == (0, shown("normal"), "")


@pytest.mark.parametrize("name", ["fast", "", "Normal", "normal; drop table"])
def test_an_unknown_one_is_refused_with_the_known_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / "heartbeat.toml").write_text(PUSH)
    line = f"heartbeat: unknown strategy {name!r}; known: aggressive, normal, conservative\n"
    assert heartbeat(tmp_path, "strategy", "set", name) == (2, "", line)
    assert heartbeat(tmp_path, "strategy") == (0, shown("normal"), "")


def test_it_sets_the_pace(tmp_path: Path) -> None:
    """A component is due when its interval is over, less a quarter that cron may come early."""
    (tmp_path / "heartbeat.toml").write_text('[components.t]\nkind = "command"\ncommand = ["/bin/true"]\n')
    heartbeat(tmp_path, "strategy", "set", "aggressive")
    assert heartbeat(tmp_path, "check").code == 0
    assert heartbeat(tmp_path, "check") == (0, "", "Nothing is due.\n")
