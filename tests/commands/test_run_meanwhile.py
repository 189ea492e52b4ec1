"""While a step is taken and verified, the run that has the lock checks, reports and restarts the others."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from heartbeat_cli.store.sql.database import connect
from tests.parts.postgres import Server
from tests.parts.stores import store_url
from tests.parts.verb import heartbeat

__all__ = ["store_url"]

_STEP = 5.0  # seconds that the slow step takes
_SENT = """
SELECT o.sent FROM heartbeat_outbox o JOIN heartbeat_alerts a ON a.alert_id = o.alert_id
WHERE a.component = 'web' AND a.alert_type = 'command_down' AND o.sent IS NOT NULL
"""


def configure(folder: Path, store: str) -> None:
    """`slow` is in fault, and its step takes long; `web` is healthy until somebody removes its file."""
    (folder / "web").touch()
    slow = f"touch {folder}/begun; sleep {_STEP}; touch {folder}/slow"
    (folder / "heartbeat.toml").write_text(
        f"""
[heartbeat]
store = "{store}"
state_dir = "{folder}/state"
[recovery]
verify_wait = 3
timeout = 60
[channels.log]
kind = "file"
path = "{folder}/told.jsonl"
[components.slow]
kind = "command"
command = ["test", "-e", "{folder}/slow"]
exit_codes = "plain"
fail_threshold = 1
recovery_threshold = 1
interval = 60
recovery = {{ ladder = [{{ action = "command", command = ["sh", "-c", "{slow}"] }}] }}
[components.web]
kind = "command"
command = ["test", "-e", "{folder}/web"]
exit_codes = "plain"
interval = 0.5
retries = 0
fail_threshold = 2
recovery_threshold = 1
recovery = {{ ladder = [{{ action = "command", command = ["touch", "{folder}/web"] }}] }}
"""
    )


def rows(store: str, sql: str) -> list[Any]:
    db = connect(store, 5)
    try:
        return db.rows(sql)
    finally:
        db.close()


def alongside(folder: Path, work: Callable[[], None], *verb: str) -> str:
    """Run a verb; `work` is done once the slow step has begun."""
    words = [sys.executable, "-m", "heartbeat_cli", *verb]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        until = time.monotonic() + 30
        while not (folder / "begun").exists() and time.monotonic() < until:
            time.sleep(0.01)
        work()
        said, _ = run.communicate(timeout=60)
    assert run.returncode == 0, said
    return said


@pytest.mark.parametrize("verb", [("run", "-v"), ("recover",)])
def test_another_component_is_checked_reported_and_healed_while_a_step_is_under_way(
    store_url: str, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    configure(tmp_path, store_url)
    if verb == ("recover",):
        assert heartbeat(tmp_path, "check").code == 1 and heartbeat(tmp_path, "detect").code == 0
    path = tmp_path / "heartbeat.toml"
    until = f"n=0; until [ -e {tmp_path}/enough ] || [ $n -gt 450 ]; do n=$((n + 1)); sleep 0.1; done"
    path.write_text(path.read_text().replace(f"sleep {_STEP}", until))

    def work() -> None:
        """The step lasts until the other component's message is sent, and it is healed; or it has waited in vain."""
        (tmp_path / "web").unlink()
        ends = time.monotonic() + 40
        while not (rows(store_url, _SENT) and (tmp_path / "web").exists()) and time.monotonic() < ends:
            time.sleep(0.1)
        (tmp_path / "enough").touch()

    said = alongside(tmp_path, work, *verb)
    attempts = dict(rows(store_url, "SELECT component, started FROM heartbeat_recoveries"))
    ended = dict(rows(store_url, "SELECT component, finished FROM heartbeat_recoveries"))
    assert attempts["web"] < ended["slow"] and (tmp_path / "web").exists(), said
    checks = rows(store_url, "SELECT status FROM heartbeat_logs WHERE component = 'web'")
    assert [one[0] for one in checks].count("unhealthy") >= 2, checks
    told = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    down = next(one for one in told if "web@" in json.dumps(one))
    assert down["at"] < ended["slow"]
    (sent,) = rows(store_url, _SENT)
    assert sent[0] < ended["slow"], "the message waited for the other component's step"


def test_the_others_find_the_lock_held_and_lose_nothing(store_url: str, tmp_path: Path) -> None:
    """Cron starts more runs meanwhile: each ends at once, and no check, step or message comes twice."""
    configure(tmp_path, store_url)

    def work() -> None:
        (tmp_path / "web").unlink()
        for _ in range(8):
            assert heartbeat(tmp_path, "run").code == 0
            time.sleep(0.3)

    alongside(tmp_path, work, "run", "-v")
    steps = rows(
        store_url, "SELECT component, count(*) FROM heartbeat_recoveries GROUP BY component ORDER BY component"
    )
    assert steps == [("slow", 1), ("web", 1)]
    twice = "SELECT component, pass FROM heartbeat_logs GROUP BY component, pass HAVING count(*) > 1"
    assert not rows(store_url, twice)


def test_a_check_that_hangs_meanwhile_holds_up_no_step(store_url: str, tmp_path: Path) -> None:
    configure(tmp_path, store_url)
    path = tmp_path / "heartbeat.toml"
    path.write_text(
        path.read_text()
        + '[components.hung]\nkind = "command"\ncommand = ["sleep", "60"]\n'
        + 'interval = 1\ntimeout = 1\nrecovery = "off"\n'
    )
    alongside(tmp_path, lambda: None, "run", "-v")
    checks = rows(store_url, "SELECT status FROM heartbeat_logs WHERE component = 'hung'")
    assert len(checks) >= 3 and {one[0] for one in checks} == {"error"}
    (proved,) = rows(store_url, "SELECT verified FROM heartbeat_recoveries WHERE component = 'slow'")
    assert proved[0] is not None


def test_the_store_goes_away_while_a_step_is_under_way(tmp_path: Path) -> None:
    """The rest of the run goes on with a spool: the step has its outcome, the checks are stored, all of it once."""
    with Server() as server:
        configure(tmp_path, server.dsn())

        def work() -> None:
            (tmp_path / "web").unlink()
            server.kill()

        said = alongside(tmp_path, work, "run", "-v")
        assert "slow: ran command sh done" in said and "web: opened" in said, said
        server.start()
        assert heartbeat(tmp_path, "run").code == 0
        steps = "SELECT component, outcome, verified IS NOT NULL FROM heartbeat_recoveries ORDER BY component"
        assert rows(server.dsn(), steps) == [("slow", "done", True), ("web", "done", True)]
        checks = rows(server.dsn(), "SELECT status FROM heartbeat_logs WHERE component = 'web'")
        assert [one[0] for one in checks].count("unhealthy") >= 2
    told = [json.loads(line)["id"] for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    assert len(told) == len(set(told)), told


def test_what_is_healthy_again_before_its_turn_is_not_restarted(tmp_path: Path) -> None:
    """Sixteen steps are taken side by side; the seventeenth component recovers by itself meanwhile."""
    store = f"sqlite:///{tmp_path}/s.db"
    blocks = [
        f"""
[components.c{n:02}]
kind = "command"
command = ["test", "-e", "{tmp_path}/c{n:02}"]
exit_codes = "plain"
interval = 0.5
retries = 0
fail_threshold = 1
recovery_threshold = 1
recovery = {{ ladder = [{{ action = "command", command = ["sh", "-c", "touch {tmp_path}/begun; sleep {_STEP}"] }}] }}
"""
        for n in range(17)
    ]
    head = f'[heartbeat]\nstore = "{store}"\nstate_dir = "{tmp_path}/state"\n[recovery]\nverify_wait = 0\n'
    (tmp_path / "heartbeat.toml").write_text(head + "".join(blocks))
    alongside(tmp_path, (tmp_path / "c16").touch, "run", "-v")
    taken = {one[0] for one in rows(store, "SELECT component FROM heartbeat_recoveries")}
    assert taken == {f"c{n:02}" for n in range(16)}


def test_the_end_says_nothing_of_a_cut_off_while_the_step_goes_on(store_url: str, tmp_path: Path) -> None:
    """A script that has healed its component works on: it was called killed in the message of the end."""
    configure(tmp_path, store_url)
    path = tmp_path / "heartbeat.toml"
    path.write_text(
        path.read_text()
        .replace("; touch", f"; touch {tmp_path}/late; exit 0; touch")
        .replace(f"sleep {_STEP}", f"touch {tmp_path}/slow; sleep {_STEP}")
        .replace("interval = 60", "interval = 1")
    )
    alongside(tmp_path, lambda: None, "run", "-v")
    (step,) = rows(store_url, "SELECT outcome, verified FROM heartbeat_recoveries")
    assert step[0] == "done" and step[1] is not None
    told = (tmp_path / "told.jsonl").read_text()
    assert "slow has recovered" in told and "cut off" not in told and "by itself" not in told, told


def test_no_program_of_a_check_is_left_behind(tmp_path: Path) -> None:
    """Recovery ends while a check that hangs is under way: it has its time, and what it saw is stored."""
    store = f"sqlite:///{tmp_path}/s.db"
    configure(tmp_path, store)
    path = tmp_path / "heartbeat.toml"
    program = ["sleep", f"{10_000_000 + os.getpid()}"]  # no other run of the tests has that
    block = f'[components.hung]\nkind = "command"\ncommand = {json.dumps(program)}\ninterval = 3\nretries = 0\n'
    path.write_text(path.read_text() + block + 'timeout = 4\nrecovery = "off"\n')
    alongside(tmp_path, lambda: None, "run", "-v")
    left = [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == program]
    assert not left
    assert len(rows(store, "SELECT 1 FROM heartbeat_logs WHERE component = 'hung'")) >= 2
