"""`heartbeat recover`: what is done, what is not and why, and who has to come."""

import json
import os
import pwd
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from heartbeat_cli.config import load, places
from heartbeat_cli.system import lock
from tests.parts.outage import Outage
from tests.parts.verb import heartbeat


def ladder(folder: Path, script: str, mode: str = "ask") -> str:
    (folder / "mend").write_text(f"#!/bin/sh\ntouch {folder}/tried\n{script}\n")
    (folder / "mend").chmod(0o755)
    return f'{{ mode = "{mode}", ladder = [{{ action = "command", command = ["{folder}/mend"] }}] }}'


def test_nothing_is_open(tmp_path: Path) -> None:
    Outage(tmp_path).run()
    assert heartbeat(tmp_path, "recover") == (0, "", "Nothing to recover: no component is in fault.\n")
    ended = heartbeat(tmp_path, "recover", "--component", "thing")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "thing: nothing: it is not in fault (its steps: none)\n"
    assert heartbeat(tmp_path, "recover", "--format", "json") == (0, "[]\n", "")


def test_a_person_gives_the_word(tmp_path: Path) -> None:
    Outage(tmp_path, recovery=ladder(tmp_path, f"rm {tmp_path}/broken")).down()
    ended = heartbeat(tmp_path, "recover")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("thing: ask: ")
    assert not (tmp_path / "tried").exists()
    ended = heartbeat(tmp_path, "recover", "--component", "thing", "--dry-run")
    assert ended.code == 0
    assert ended.out.startswith("thing: would run command mend: step 1 of 1: ")
    assert not (tmp_path / "tried").exists()
    ended = heartbeat(tmp_path, "recover", "--component", "thing", "--force")
    assert ended.code == 0
    assert ended.out.startswith("thing: ran command mend done: ")
    assert ended.out.endswith(", healthy again; the fault ends with the next checks\n")
    assert (tmp_path / "tried").exists()


@pytest.mark.parametrize("mode", ["off", "ask"])
def test_the_command_that_a_message_advises_is_carried_out(tmp_path: Path, mode: str) -> None:
    thing = Outage(tmp_path, recovery=ladder(tmp_path, f"rm {tmp_path}/broken", mode))
    told = thing.down().err
    advised = re.findall(r"^\d\. [^\n]*: heartbeat (recover --component thing.*)$", told, re.M)
    assert advised == ["recover --component thing" + (" --force" if mode == "off" else "")]
    ended = heartbeat(tmp_path, *advised[0].split())
    assert ended.code == 0 and ended.out.startswith("thing: ran command mend done: ")


def counted(thing: Outage) -> Callable[[], int]:
    """Has its checks counted from now on."""
    checks = thing.script.with_name("checks")
    thing.script.write_text(thing.script.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\necho >>{checks}\n", 1))
    return lambda: len(checks.read_text()) if checks.exists() else 0


def test_a_dry_run_needs_no_lock_and_checks_only_where_it_may(tmp_path: Path) -> None:
    """A pass that begins meanwhile finds the lock free; what is decided is what is stored, or what a check says now."""
    thing = Outage(tmp_path, recovery=ladder(tmp_path, "true"), also=f'[heartbeat]\nstate_dir = "{tmp_path}/s"\n')
    thing.down()
    checks, words = counted(thing), ("recover", "--component", "thing", "--dry-run")
    with lock.only_one(places.config_folder(load.read(thing.config))):
        stored = heartbeat(tmp_path, *words, "--no-check")
        assert checks() == 0
        asked = heartbeat(tmp_path, *words)
        assert checks() == 1
    assert (stored.code, stored.err) == (asked.code, asked.err) == (0, "")
    assert stored.out == asked.out and stored.out.startswith("thing: would run command mend: ")
    thing.heals()
    assert heartbeat(tmp_path, *words).out == "thing: held command mend: it answers again\n"
    assert heartbeat(tmp_path, *words, "--no-check").out == stored.out
    line = "heartbeat: --no-check wants --dry-run: no step is taken without a check\n"
    assert heartbeat(tmp_path, "recover", "--no-check") == (2, "", line)


def test_what_was_done_as_json(tmp_path: Path) -> None:
    Outage(tmp_path, recovery=ladder(tmp_path, f"rm {tmp_path}/broken")).down()
    words = ("recover", "--component", "thing", "--force", "--format", "json")
    (step,) = json.loads(heartbeat(tmp_path, *words).out)
    assert (step["component"], step["action"], step["outcome"], step["verified"]) == ("thing", "command", "done", True)


def test_a_failed_recovery_is_exit_code_1(tmp_path: Path) -> None:
    Outage(tmp_path, recovery=ladder(tmp_path, "echo no way >&2; exit 4")).down()
    ended = heartbeat(tmp_path, "recover", "--component", "thing", "--force")
    assert ended.code == 1
    assert ended.out.startswith("thing: ran command mend failed: ")
    assert (tmp_path / "tried").exists()


def test_without_a_ladder_there_is_nothing_to_do(tmp_path: Path) -> None:
    Outage(tmp_path, recovery='"on"').down()
    ended = heartbeat(tmp_path, "recover", "--component", "thing", "--force")
    assert (ended.code, ended.out) == (0, "thing: nothing: no recovery steps are configured for it\n")


def test_what_a_program_asks_for_is_recorded_and_spends_the_budget(tmp_path: Path) -> None:
    """A person's steps spend none: he knows what he does. A program may ask in a loop."""
    recovery = ladder(tmp_path, f"rm {tmp_path}/broken").replace("{ mode", "{ budget = 1, backoff = 0.01, mode")
    thing = Outage(tmp_path, recovery=recovery)
    thing.down()
    words = ("recover", "--component", "thing", "--by", "bot", "--format", "json")
    (step,) = json.loads(heartbeat(tmp_path, *words).out)
    assert (step["decision"], step["outcome"], step["verified"]) == ("ran", "done", True)
    with sqlite3.connect(tmp_path / ".local/state/heartbeat/heartbeat.db") as db:
        (who,) = db.execute("SELECT requested_by FROM heartbeat_recoveries WHERE outcome = 'done'").fetchone()
    db.close()
    me = pwd.getpwuid(os.getuid()).pw_name
    assert who == f"bot ({me})"
    assert f"heartbeat recover, asked for by bot ({me}), with command" in thing.run().err
    thing.down()
    (step,) = json.loads(heartbeat(tmp_path, *words).out)
    assert (step["decision"], step["name"]) == ("held", "budget")
    line = "heartbeat: --by wants --component: say what to recover\n"
    assert heartbeat(tmp_path, "recover", "--by", "bot") == (2, "", line)


def test_exact_takes_ids_only(tmp_path: Path) -> None:
    """`command` is the kind of all of them."""
    Outage(tmp_path, recovery=ladder(tmp_path, f"rm {tmp_path}/broken")).down()
    for name in ("thin*", "[t]hing", "command", "things"):
        ended = heartbeat(tmp_path, "recover", "--exact", "--component", name)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith(f"heartbeat: no component {name!r}") and ended.err.count("\n") == 1
    assert not (tmp_path / "tried").exists()
    ended = heartbeat(tmp_path, "recover", "--exact", "--component", "thing")
    assert ended.code == 0 and ended.out.startswith("thing: ran command mend done: ")
    line = "heartbeat: --exact wants --component: say what to recover\n"
    assert heartbeat(tmp_path, "recover", "--exact") == (2, "", line)
