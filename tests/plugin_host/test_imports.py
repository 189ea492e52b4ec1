"""What is wrong with a plug-in's module, when a configuration names it: that component waits, the pass goes on."""

import json
import time
from pathlib import Path

import pytest

from heartbeat_cli.config.ladders import StepKeys
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.plugin_host.contract import TAKEN
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import connect
from tests.parts.plugins import HEAD, Packages

PROBE = 'def probe(settings, context):\n    return Reading("healthy")\n'
CONFIG = (
    '[components.it]\nkind = "odd"\ntoken = "Geheimnis99x"\n[components.other]\nkind = "command"\ncommand = ["true"]\n'
)
UNIMPORTABLE, UNUSABLE = "it cannot be imported: ", "it cannot be used: "
SHAPES = "expected probe or probe_all or request and read"
TYPES = "str, int, float, bool, Seconds, Literal of texts, tuple[…, ...], dict[str, …], a NamedTuple, and | of them"
BAD = {
    "a module that is not there": (
        "import no_such_module\n",
        UNIMPORTABLE + "ModuleNotFoundError: No module named 'no_such_module' (hb_odds/odd.py:1)",
    ),
    "a mistake of syntax": ("def probe(:\n", UNIMPORTABLE + "SyntaxError: invalid syntax (hb_odds/odd.py:1)"),
    "an exit": ("import sys\nsys.exit(0)\n", UNIMPORTABLE + "SystemExit: 0 (hb_odds/odd.py:2)"),
    "an end of the process": ("import os\nos._exit(1)\n", "its process ended while it was imported"),
    "too much memory": ("x = bytearray(1 << 33)\n", UNIMPORTABLE + "MemoryError (hb_odds/odd.py:1)"),
    "an import that takes for ever": (
        "import time\nprint('!')\ntime.sleep(600)\n",
        UNUSABLE + "its import did not end within 3 s",
    ),
    "no settings": ("def probe(s, c): ...\n", UNUSABLE + "the module has no Settings"),
    "settings of another sort": (
        "class Settings: ...\ndef probe(s, c): ...\n",
        UNUSABLE + "Settings is no class that inherits from typing.NamedTuple",
    ),
    "a type that no file has": (
        HEAD.replace("token: str | None", "token: bytes | None") + PROBE,
        UNUSABLE + f"Settings has the key token, whose type is bytes; it may be {TYPES}",
    ),
    "a type that does not exist": (
        HEAD.replace("token: str | None", "token: 'Nothing'") + PROBE,
        UNUSABLE + "Settings: NameError: name 'Nothing' is not defined",
    ),
    "a key of every component": (
        HEAD.replace("    how: str", "    timeout: float = 1.0\n    how: str") + PROBE,
        UNUSABLE + "Settings has the key timeout, which every component has",
    ),
    "no function": (HEAD, UNUSABLE + f"the module has none of its functions; {SHAPES}"),
    "two functions": (
        HEAD + PROBE + "probe_all = probe\n",
        UNUSABLE + f"the module has several of its functions; {SHAPES}",
    ),
    "a severity": (
        HEAD + PROBE + "SEVERITY = 'dire'\n",
        UNUSABLE + "SEVERITY is 'dire'; expected one of low, medium, high, severe",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_a_broken_plug_in_costs_its_own_component(what: str, tmp_path: Path) -> None:
    source, text = BAD[what]
    packages = Packages(tmp_path / "site")
    packages.add("odds", monitors_odd=source)
    (tmp_path / "heartbeat.toml").write_text(CONFIG)
    ended = packages.heartbeat(tmp_path, "check", "--all", "--format", "json")
    found = {row["component"]: (row["status"], row["error"]) for row in json.loads(ended.out)}
    line = f"heartbeat.toml: components.it: plug-in odd (odds 1.0): {text}"
    assert found["other"] == ("healthy", None)
    assert found["it"][0] == "unknown" and line.startswith(found["it"][1].rstrip("…"))
    checked = packages.heartbeat(tmp_path, "config", "check")
    assert (checked.code, checked.err) == (2, f"heartbeat: {line.replace('toml:', 'toml:1:', 1)}\n")


def test_imports_that_take_for_ever_are_waited_for_together(tmp_path: Path) -> None:
    packages = Packages(tmp_path / "site")
    for n in range(5):
        packages.add(f"slow{n}", **{f"monitors_slow{n}": "import time\ntime.sleep(600)\n"})
    parts = [f'[components.c{n}]\nkind = "slow{n}"\n' for n in range(5)]
    (tmp_path / "heartbeat.toml").write_text("".join(parts))
    begun = time.monotonic()
    ended = packages.heartbeat(tmp_path, "config", "check")
    assert time.monotonic() - begun < 5 * 3, "one after the other"
    assert ended.err.count("its import did not end within 3 s") == 5


def test_the_secrets_of_one_that_cannot_be_used_stay_hidden(tmp_path: Path) -> None:
    packages = Packages(tmp_path / "site")
    packages.add("odds", monitors_odd="import nothing_such\n")
    (tmp_path / "heartbeat.toml").write_text(CONFIG)
    for words in (("config", "show"), ("doctor",), ("check", "--all")):
        ended = packages.heartbeat(tmp_path, *words)
        assert "Geheimnis" not in ended.out + ended.err


def test_the_same_kind_in_two_packages_is_nobodys(tmp_path: Path) -> None:
    packages = Packages(tmp_path / "site")
    packages.add("odds", monitors_odd=HEAD + PROBE)
    packages.add("ends", "2.0", monitors_odd=HEAD + PROBE)
    (tmp_path / "heartbeat.toml").write_text(CONFIG)
    said = "several packages have a kind odd: ends 2.0, odds 1.0; uninstall all but one of them"
    assert (
        packages.heartbeat(tmp_path, "config", "check").err == f"heartbeat: heartbeat.toml:1: components.it: {said}\n"
    )


def test_a_built_in_kind_is_never_a_plug_ins(tmp_path: Path) -> None:
    packages = Packages(tmp_path / "site")
    packages.add("odds", monitors_command="raise SystemExit(9)\n")
    (tmp_path / "heartbeat.toml").write_text('[components.it]\nkind = "command"\ncommand = ["true"]\n')
    assert packages.heartbeat(tmp_path, "check", "--all").code == 0
    assert packages.heartbeat(tmp_path, "kinds").out.count("\n  command ") == 2, "a component's, and a step's"


def test_the_keys_that_no_plug_in_may_have_are_those_of_every_step() -> None:
    assert TAKEN["actions"] == {"action", *StepKeys._fields}


def test_no_row_of_the_store_has_a_plug_in_imported_that_the_configuration_does_not_name(tmp_path: Path) -> None:
    """Another host of a shared store may not choose what code runs here."""
    packages = Packages(tmp_path / "site")
    mark = tmp_path / "imported"
    words = "DESCRIPTION = 'This is odd.'\nADVICE = ('Look at it.',)\n"
    packages.add("odds", monitors_odd=HEAD + PROBE + words + f"open({str(mark)!r}, 'w').close()\n")
    text = f'[heartbeat]\nstore = "sqlite:///{tmp_path}/s.db"\nstate_dir = "state"\nobserver = "me"\n'
    text += '[components.other]\nkind = "command"\ncommand = ["true"]\n'
    text += f'[channels.log]\nkind = "file"\npath = "{tmp_path}/log"\n'
    (tmp_path / "heartbeat.toml").write_text(text)
    assert packages.heartbeat(tmp_path, "run").code == 0

    def announced(id_: str) -> str:
        db = connect(f"sqlite:///{tmp_path}/s.db", 5)
        details = {"kind": "odd", "cause": "why"}
        alert = Alert(id_, "odd_down", "high", "x is down", "x", time.time(), id_, "why", details)
        alerts.add(db, alert, ["log"], time.time())
        db.close()
        assert packages.heartbeat(tmp_path, "run").code == 0
        return (tmp_path / "log").read_text().splitlines()[-1]

    assert "x is down" in (said := announced("x@1")) and "This is odd." not in said and not mark.exists()
    (tmp_path / "heartbeat.toml").write_text(text + '[components.it]\nkind = "odd"\n')
    assert "This is odd." in announced("x@2") and mark.exists()
