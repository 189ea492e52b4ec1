"""Recovery with real steps: commands and scripts that touch files and heal a real server, or do not."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.passes.recover import step_executor
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import recoveries, silences
from heartbeat_cli.store.state.beats import Beat, add
from heartbeat_cli.store.state.silences import Silence
from tests.parts.http import Answer, Server, healthy_server
from tests.parts.scene import START, Scene
from tests.parts.stores import elsewhere

BAD = Answer(503, b'{"status": "down"}')


@pytest.fixture
def server() -> Iterator[Server]:
    with healthy_server(BAD) as one:
        yield one


class Ward:
    """A scene with a faulty agent whose steps leave a line each in `done`; `heals` is the step that helps, by making
    the file that a watcher takes as the word to let the server answer again."""

    def __init__(self, db: Database, url: str, folder: Path, server: Server, ladder: Any = None, **more: Any) -> None:
        self.server, self.folder = server, folder
        self.done = folder / "done"
        self.cure = folder / "cure"
        agent = {
            "kind": "agent",
            "url": server.url,
            "timeout": 2,
            "retries": 0,
            "recovery": {"mode": more.pop("mode", "on"), "ladder": ladder or [self.step("one"), self.step("two")]},
        }
        components = {"main": agent | more.pop("main", {})} | more.pop("components", {})
        # What a step cures is seen as soon as it is: a busy machine may take long for that.
        wait = 10.0 if str(self.cure) in str(ladder) else 0.4
        recovery = {"verify_wait": wait, "startup_grace": 60.0, "timeout": 5.0} | more.pop("recovery", {})
        self.scene = Scene(db, url, folder, components, recovery=recovery, **more)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self.server.stopping.wait(0.02):
            if self.cure.exists():
                self.server.answer = Answer()

    def step(self, name: str, code: int = 0, cures: bool = False) -> dict[str, Any]:
        heal = f"; touch {self.cure}; sleep 0.1" if cures else ""
        return {"action": "command", "command": ["/bin/sh", "-c", f"echo {name} >> {self.done}{heal}; exit {code}"]}

    @property
    def steps(self) -> list[str]:
        return self.done.read_text().split() if self.done.exists() else []

    def fault(self) -> Scene:
        assert self.scene.pass_(3)[-1].endswith("main opened") or "main" in self.scene.incidents
        return self.scene

    def recover(self, *wanted: str, **how: bool) -> list[tuple[str, str]]:
        return [(one.decision, one.reason) for one in self.scene.recover(*wanted, **how)]


Make = Any


@pytest.fixture
def ward(store: Database, store_url: str, tmp_path: Path, server: Server) -> Make:
    return lambda ladder=None, **more: Ward(store, store_url, tmp_path, server, ladder, **more)


@pytest.mark.whole
def test_a_step_that_heals_is_proven_by_the_same_check(ward: Make) -> None:
    one = ward()
    one = ward([one.step("one", cures=True), one.step("two")])
    scene = one.fault()
    (step,) = scene.recover()
    assert (step.decision, step.outcome, step.verified, step.failed) == ("ran", "done", True, False)
    assert one.steps == ["one"]
    (attempt,) = scene.attempts
    assert attempt.incident == scene.incidents["main"].id
    assert (attempt.outcome, attempt.step, attempt.requested_by, attempt.observer) == ("done", 0, "heartbeat", "here")
    assert attempt.verified is not None and attempt.finished is not None
    scene.now += 5
    assert scene.pass_(2) == ["main ended"]
    assert scene.recover() == [] and one.steps == ["one"]
    assert scene.outbox == ["agent_down to log: waiting", "recovered to log: waiting"]


@pytest.mark.whole
@pytest.mark.parametrize("hours", [6, 24 * 100])
def test_what_was_healed_long_ago_is_healed_again(ward: Make, hours: float) -> None:
    """Its last step is older than anything that the brakes look back on."""
    one = ward()
    one = ward([one.step("one", cures=True)])
    scene = one.fault()
    assert [step.decision for step in scene.recover()] == ["ran"]
    assert scene.pass_(2)[-1] == "main ended"
    scene.now += hours * 3600
    one.cure.unlink()
    one.server.answer = BAD
    one.fault()
    (step,) = scene.recover()
    assert (step.decision, step.verified, one.steps) == ("ran", True, ["one", "one"]), step.reason


@pytest.mark.whole
def test_the_second_step_follows_at_once_when_the_first_fails(ward: Make) -> None:
    one = ward()
    one = ward([one.step("one", code=3), one.step("two", cures=True)])
    scene = one.fault()
    steps = scene.recover()
    assert [(s.outcome, s.verified) for s in steps] == [("failed", False), ("done", True)]
    assert one.steps == ["one", "two"]
    assert [(a.step, a.outcome) for a in scene.attempts] == [(0, "failed"), (1, "done")]


def test_a_first_step_that_failed_but_helped_is_not_followed_by_a_second(ward: Make) -> None:
    """`systemctl restart` may run out of time and yet have done its work: no second restart on top."""
    one = ward()
    one = ward([one.step("one", code=1, cures=True), one.step("two")])
    scene = one.fault()
    steps = scene.recover()
    assert [(s.decision, s.outcome) for s in steps] == [("ran", "failed"), ("held", None)]
    assert steps[-1].reason == "held: it answers again"
    assert one.steps == ["one"]


@pytest.mark.whole
def test_not_proven_means_waiting_and_then_the_next(ward: Make) -> None:
    one = ward()
    scene = one.fault()
    assert [(s.outcome, s.verified) for s in scene.recover()] == [("done", False)]
    scene.now += 30
    assert one.recover() == [("wait", "step 1 was taken; it has 30 s left to come up")]
    assert one.steps == ["one"]
    scene.now += 31
    assert one.recover()[0][0] == "ran" and one.steps == ["one", "two"]


def test_when_all_was_tried_a_person_is_notified_once(ward: Make) -> None:
    one = ward()
    one = ward([one.step("one", code=1), {"action": "script", "name": "no_such.sh", "folder": str(one.folder)}])
    scene = one.fault()
    steps = scene.recover()
    assert [(s.decision, s.outcome, s.failed) for s in steps] == [
        ("ran", "failed", False), ("ran", "refused", False), ("wait", None, False)
    ]  # fmt: skip
    assert len({attempt.id for attempt in scene.attempts}) == 2
    assert "recovery_failed to log: waiting" not in scene.outbox, "both may still work"
    said = []
    for _ in range(8):
        scene.now += 100
        said += [(step.decision, step.outcome, step.failed) for step in scene.recover()]
    assert [one for one in said if one[0] == "ran"] == [
        ("ran", "refused", False), ("ran", "refused", False), ("ran", "failed", False)
    ]  # fmt: skip
    assert said[-1] == ("exhausted", None, True)
    again = "each of the 2 steps was tried; step 2 failed 3 times; heartbeat starts again from step 1 in 3 h "
    assert one.recover()[0][1].startswith(again)
    assert one.steps == ["one", "one"]
    assert scene.outbox == ["agent_down to log: waiting", "recovery_failed to log: waiting"]
    assert scene.incidents["main"].recovery == "failed"
    told = alerts.between(scene.db, 0, 9e9)[0]
    command, script = ["command", "failed"], ["script", "refused"]
    assert [tried[:2] for tried in told.details["attempts"]] == [command, script, script, script, command]


def test_a_step_that_fails_once_is_taken_again_and_heals(ward: Make) -> None:
    """Nobody is called meanwhile: it was not used up."""
    one = ward()
    flag = one.folder / "tried"
    once = ["/bin/sh", "-c", f"test -e {flag} || {{ touch {flag}; exit 1; }}; touch {one.folder}/second"]
    one = ward([{"action": "command", "command": once}])
    scene = one.fault()
    assert [(s.decision, s.outcome) for s in scene.recover()] == [("ran", "failed"), ("wait", None)]
    scene.now += 3
    (waits,) = scene.recover()
    assert waits.reason.startswith("step 1 failed (") and "); try 2 of 3, in " in waits.reason
    scene.now += 5
    assert [(s.decision, s.outcome) for s in scene.recover()] == [("ran", "done")]
    assert (one.folder / "second").exists()
    assert "recovery_failed to log: waiting" not in scene.outbox


def test_when_the_last_step_does_not_help_in_its_time_it_is_reported_then(ward: Make) -> None:
    one = ward()
    one = ward([one.step("one")])
    scene = one.fault()
    scene.recover()
    assert "recovery_failed to log: waiting" not in scene.outbox
    scene.now += 61
    again = "heartbeat starts again from step 1 in 3 h 59 min; at once by: heartbeat recover --component main --force"
    assert one.recover() == [("exhausted", f"the only step was tried; {again}")]
    assert "recovery_failed to log: waiting" in scene.outbox


# --- never what is healthy now ---------------------------------------------------------------------------------------


def test_what_answers_again_is_left_alone(ward: Make) -> None:
    """`heartbeat recover` by hand, minutes after the last check."""
    one = ward()
    scene = one.fault()
    one.server.answer = Answer()
    scene.now += 600
    assert one.recover() == one.recover("main") == one.recover(dry_run=True) == [("held", "held: it answers again")]
    assert one.steps == [] and scene.attempts == []


def test_what_cannot_be_checked_just_now_is_left_alone(
    store: Database, store_url: str, tmp_path: Path, server: Server
) -> None:
    check = tmp_path / "check"
    check.write_text("#!/bin/sh\nexit 2\n")
    check.chmod(0o755)
    one = Ward(store, store_url, tmp_path, server)
    table = {
        "kind": "command",
        "command": [str(check)],
        "recovery": {"ladder": [one.step("one")]},
    }
    scene = Scene(store, store_url, tmp_path, {"main": table})
    scene.pass_(3)
    check.write_text("#!/bin/sh\necho no idea; exit 3\n")
    assert [(s.decision, s.reason) for s in scene.recover()] == [
        ("held", "held: it could not be looked at just now (no idea)")
    ]
    scene.pass_(1)
    assert scene.recover()[0].reason == "held: the last check could not be made, so it may be healthy"
    assert one.steps == []


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verification checks again soon."""
    monkeypatch.setattr(step_executor, "_SPACING", 0.1)


@pytest.mark.usefixtures("quickly")
def test_unknown_while_proving_keeps_waiting(store: Database, store_url: str, tmp_path: Path, server: Server) -> None:
    """The check itself cannot run while the thing comes up; the third try finds it well, and so does the fourth."""
    check, count = tmp_path / "check", tmp_path / "count"
    check.write_text("#!/bin/sh\nexit 2\n")
    check.chmod(0o755)
    one = Ward(store, store_url, tmp_path, server)
    later = f"#!/bin/sh\necho x >> {count}; [ $(wc -l < {count}) -ge 3 ] && exit 0; exit 3\n"
    cure = f"cat > {check}.new <<'END'\n{later}END\nchmod +x {check}.new; mv {check}.new {check}"
    ladder = [{"action": "command", "command": ["/bin/sh", "-c", cure]}]
    scene = Scene(
        store,
        store_url,
        tmp_path,
        {"main": {"kind": "command", "command": [str(check)], "recovery": {"ladder": ladder}}},
    )
    scene.pass_(3)
    (step,) = scene.recover()
    assert step.verified and count.read_text().count("x") == 4
    assert one.steps == []


_BEAT = """
import sys, time
from heartbeat_cli.store.state import beats
from heartbeat_cli.store.sql import database
time.sleep(0.5)
beats.add(database.connect(sys.argv[1], 10.0), beats.Beat("job", float(sys.argv[2]), "success"))
"""


@pytest.mark.whole
@pytest.mark.usefixtures("quickly")
def test_a_beat_that_comes_while_proving_is_seen(store: Database, store_url: str, tmp_path: Path) -> None:
    code = tmp_path / "beat.py"
    code.write_text(_BEAT)
    job = f"{sys.executable} {code} '{store_url}' {START + 3} > /dev/null 2>&1 &"
    step = {"action": "command", "command": ["/bin/sh", "-c", job]}
    table = {"kind": "push", "period": 60, "grace": 0, "recovery": {"ladder": [step]}}
    scene = Scene(store, store_url, tmp_path, {"job": table})
    add(store, Beat("job", scene.now, "fail"))
    scene.pass_(3, step=1)
    (done,) = scene.recover()
    assert done.verified


def test_a_slow_starter_is_restarted_once(ward: Make) -> None:
    """It comes up after the pass's own wait but in its time: a later pass sees it, and the step gets the credit."""
    one = ward()
    scene = one.fault()
    scene.recover()
    scene.now += 20
    one.server.answer = Answer()
    scene.pass_(1)
    assert one.recover() == [("wait", "it answers again; waiting for it to stay well")]
    assert scene.pass_(1) == ["main ended"]
    assert one.steps == ["one"]
    assert scene.attempts[0].verified is not None


# --- what holds it back ----------------------------------------------------------------------------------------------


def test_ask_waits_for_a_person_who_names_it(ward: Make) -> None:
    one = ward(mode="ask")
    scene = one.fault()
    assert one.recover() == [("ask", "waits for your word: heartbeat recover --component main")]
    assert one.steps == []
    one.recover("main")
    assert one.steps == ["one"]
    assert scene.attempts[0].requested_by == "person"
    scene.now += 61
    assert one.recover()[0][0] == "ask"


def test_off_is_off_unless_forced(ward: Make) -> None:
    one = ward(mode="off")
    one.fault()
    assert one.recover() == one.recover("main") == [("off", "recovery is off for it")]
    assert one.recover("main", forced=True)[0][0] == "ran" and one.steps == ["one"]


def test_force_acts_on_what_is_well_and_goes_through_the_ladder(ward: Make) -> None:
    one = ward()
    one.server.answer = Answer()
    one.scene.pass_(1)
    (step,) = one.scene.recover("main", forced=True)
    assert (step.outcome, step.verified) == ("done", True)
    assert one.steps == ["one"] and one.scene.attempts[0].incident is None
    well = ("nothing", "it is not in fault (its steps: 1. command sh, 2. command sh)")
    assert one.recover("main") == [well] and one.recover() == []


def test_forcing_everything_needs_names(ward: Make) -> None:
    one = ward()
    one.server.answer = Answer()
    one.scene.pass_(1)
    assert one.recover(forced=True) == [] and one.steps == []


def test_a_held_child_is_not_restarted(ward: Make) -> None:
    db = {"kind": "tcp", "host": "127.0.0.1", "port": 1, "retries": 0, "timeout": 1, "recovery": "off"}
    one = ward(main={"depends_on": ["db"]}, components={"db": db})
    one.scene.pass_(4)
    assert one.scene.incidents["main"].held_by == "db"
    assert one.recover("main") == [("held", "held: db, which it depends on, is in fault")]
    assert one.steps == []


def test_nor_is_one_that_fell_before_its_parent(ward: Make, tmp_path: Path) -> None:
    """Looked at more often, the child was in fault on its own account first; now the cause has shown itself."""
    flag = tmp_path / "well"
    flag.touch()
    db = {"kind": "command", "command": ["/usr/bin/test", "-e", str(flag)], "exit_codes": "plain", "recovery": "off"}
    one = ward(main={"depends_on": ["db"]}, components={"db": db})
    scene = one.fault()
    assert scene.incidents["main"].held_by is None
    flag.unlink()
    scene.pass_(3)
    assert one.recover("main") == [("held", "held: db, which it depends on, is in fault")]
    assert one.steps == []


def test_maintenance_holds_and_a_silence_does_not(ward: Make) -> None:
    one = ward()
    scene = one.fault()
    silences.add(scene.db, Silence("m", "agent", "maintenance", scene.now, scene.now + 60, "disk swap", "kim"))
    silences.add(scene.db, Silence("s", "main", "silence", scene.now, scene.now + 600, "night", "kim"))
    assert one.recover() == [("held", "held: maintenance (disk swap)")]
    scene.now += 60
    assert one.recover()[0][0] == "ran"


def test_a_silence_keeps_the_call_for_help_back(ward: Make) -> None:
    one = ward()
    one = ward([{**one.step("one", code=1), "tries": 1}])
    scene = one.fault()
    silences.add(scene.db, Silence("s", "main", "silence", scene.now, scene.now + 600, "night", "kim"))
    assert one.recover()[-1][0] == "exhausted"
    assert scene.outbox == ["agent_down to log: waiting"]
    assert "muted: silence s (night)" in alerts.between(scene.db, 0, 9e9)[0].reason


def test_a_dry_run_says_what_would_be_done_and_does_nothing(ward: Make) -> None:
    one = ward()
    scene = one.fault()
    (step,) = scene.recover(dry_run=True)
    assert (step.decision, step.reason, step.action) == ("would run", "step 1 of 2: nothing was tried yet", "command")
    assert one.steps == [] and scene.attempts == []


def test_a_dry_run_of_an_order_does_nothing_either(ward: Make) -> None:
    one = ward()
    scene = one.fault()
    assert [step.decision for step in scene.recover("main", forced=True, dry_run=True)] == ["would run"]
    assert one.steps == [] and scene.attempts == []


def test_a_dry_run_names_the_steps_of_what_is_well(ward: Make) -> None:
    one = ward()
    one.server.answer = Answer()
    one.scene.pass_()
    (step,) = one.scene.recover(dry_run=True)
    assert step[:3] == ("main", "nothing", "it is not in fault (its steps: 1. command sh, 2. command sh)")


def test_no_incident_no_step(ward: Make) -> None:
    one = ward()
    one.scene.pass_(2)
    assert one.recover() == [] and one.steps == []


@pytest.mark.whole
def test_the_parent_is_healed_and_its_child_left_alone(
    store: Database, store_url: str, tmp_path: Path, server: Server
) -> None:
    one = Ward(store, store_url, tmp_path, server)
    table = {"kind": "agent", "url": server.url, "timeout": 2, "retries": 0}
    components = {
        "child": table | {"recovery": {"ladder": [one.step("child")]}, "depends_on": ["db"]},
        "db": table | {"recovery": {"ladder": [one.step("db", cures=True)]}},
    }
    scene = Scene(store, store_url, tmp_path, components)
    scene.pass_(3)
    assert [(step.component, step.decision) for step in scene.recover()] == [("db", "ran"), ("child", "held")]
    assert one.steps == ["db"]
    scene.pass_(2)
    assert scene.incidents == {} and scene.recover() == []


# --- killed, and together with others --------------------------------------------------------------------------------


@pytest.mark.whole
def test_what_a_killed_run_began_is_let_end_and_then_resolved(ward: Make) -> None:
    """A command cannot be asked whether it took place: it has its time, is taken once more, and then the next."""
    one = ward()
    scene = one.fault()
    incident = scene.incidents["main"].id
    begun = Attempt(f"{incident}/1", incident, "main", 0, "command", "heartbeat", "here", scene.now)
    recoveries.save(scene.db, begun._replace(verify_until=scene.now + 60))
    scene.now += 1
    assert one.recover() == [("wait", "step 1 was cut off and may still be at work: 4 s left")]
    scene.now += 5
    assert one.recover() == [("wait", "step 1 was taken; it has 54 s left to come up")]
    assert one.steps == [] and scene.attempts[0].outcome == "cut off"
    scene.now += 60
    one.recover()
    assert one.steps == ["one"]
    scene.now += 61
    one.recover()
    assert one.steps == ["one", "two"]


_KILLED = """
import json, os
from heartbeat_cli.config import load as config
from heartbeat_cli.passes.recover import step_executor as climb, recover
loaded = config.load(json.loads(sys.argv[2]), "heartbeat.toml")
now = float(sys.argv[3])
run = climb.run_step
def and_die(step, timeout):
    run(step, timeout)
    os._exit(0)
climb.run_step = and_die
recover.recover(recover.one_store(db), loaded, lambda: now)
"""


def test_killed_after_the_restart_there_is_no_second_one(ward: Make, store_url: str) -> None:
    one = ward()
    scene = one.fault()
    elsewhere(store_url, _KILLED, json.dumps(scene.tables), scene.now, times=1)
    assert one.steps == ["one"]
    assert [attempt.outcome for attempt in scene.attempts] == ["running"]
    scene.now += 1
    assert one.recover()[0][0] == "wait" and one.steps == ["one"]


def test_what_was_ordered_without_a_fault_and_killed_is_resolved_too(ward: Make) -> None:
    one = ward()
    one.server.answer = Answer()
    scene = one.scene
    scene.pass_(1)
    recoveries.save(scene.db, Attempt("main/1", None, "main", 0, "command", "person", "here", scene.now))
    assert one.recover() == [] and scene.attempts[0].outcome == "running"
    scene.now += 6
    assert one.recover(dry_run=True)[0][0] == "nothing" and scene.attempts[0].outcome == "running"
    assert one.recover() == [] and scene.attempts[0].outcome == "cut off"
    assert one.steps == []


@pytest.mark.parametrize("step", [1, 2, 7])
def test_a_step_that_was_cut_off_and_is_configured_no_more_stops_nothing(ward: Make, step: int) -> None:
    """Somebody shortened the ladder meanwhile: no action is left that could be asked about it."""
    one = ward()
    one = ward([one.step("one", cures=True)])
    scene = one.fault()
    incident = scene.incidents["main"].id
    recoveries.save(scene.db, Attempt(f"{incident}/1", incident, "main", step, "gone", "heartbeat", "here", scene.now))
    scene.now += 6
    one.recover()
    assert scene.attempts[0].outcome == "cut off" and one.steps == []


@pytest.mark.parametrize(("step", "finished"), [(6.0, 6.0), (-600.0, 0.0)])
def test_a_cut_off_step_ends_when_it_is_resolved_and_never_before_it_began(
    ward: Make, step: float, finished: float
) -> None:
    """Also when the clock was put back since: a step of minus ten minutes would spoil every sum."""
    one = ward()
    scene = one.fault()
    incident, begun = scene.incidents["main"].id, scene.now
    recoveries.save(scene.db, Attempt(f"{incident}/1", incident, "main", 0, "command", "heartbeat", "here", begun))
    scene.now += step
    one.recover()
    (cut_off,) = (attempt for attempt in scene.attempts if attempt.id == f"{incident}/1")
    assert (cut_off.outcome, cut_off.finished) == ("cut off", begun + finished)


_TOGETHER = """
import json
from heartbeat_cli.config import load as config
from heartbeat_cli.passes.recover import recover
loaded = config.load(json.loads(sys.argv[2]), "heartbeat.toml")
now = float(sys.argv[3])
recover.recover(recover.one_store(db), loaded, lambda: now)
"""


@pytest.mark.whole
def test_two_that_begin_in_the_same_moment_take_one_step(ward: Make, store_url: str) -> None:
    one = ward()
    one = ward([{"action": "command", "command": ["/bin/sh", "-c", f"echo one >> {one.done}; sleep 0.5"]}])
    scene = one.fault()
    elsewhere(store_url, _TOGETHER, json.dumps(scene.tables), scene.now, times=2)
    assert one.steps == ["one"]


_MEANWHILE = """
import sys
from heartbeat_cli.store.sql import database
from heartbeat_cli.store.state import states
db = database.connect(sys.argv[1], 10.0)
states.save_incident(db, states.open_incidents(db)["main"]._replace({change}))
sys.exit(1)
"""


def meanwhile(url: str, change: str) -> dict[str, Any]:
    """A step that fails, while somebody else changes the incident."""
    return {"action": "command", "command": [sys.executable, "-c", _MEANWHILE.replace("{change}", change), url]}


def test_an_acknowledgement_given_meanwhile_is_not_lost(ward: Make, store_url: str) -> None:
    one = ward([{**meanwhile(store_url, "acked=5.0, acked_by='kim'"), "tries": 1}])
    scene = one.fault()
    assert scene.recover()[-1].decision == "exhausted"
    incident = scene.incidents["main"]
    assert (incident.acked, incident.acked_by, incident.recovery) == (5.0, "kim", "failed")


def test_an_incident_that_ends_meanwhile_stays_ended(ward: Make, store_url: str) -> None:
    """By another host's detection, that is."""
    one = ward()
    one = ward([meanwhile(store_url, "ended=4e9"), one.step("two")])
    scene = one.fault()
    assert [step.outcome for step in scene.recover()] == ["failed"]
    assert scene.incidents == {} and one.steps == []
    assert scene.outbox == ["agent_down to log: waiting"]


@pytest.mark.whole
def test_a_clock_put_back_after_a_step_repeats_nothing_for_ever(ward: Make) -> None:
    one = ward()
    scene = one.fault()
    scene.recover()
    scene.now -= 7200
    for _ in range(6):
        scene.recover()
        scene.now += 61
    assert one.steps == ["one", "two"]


def test_output_and_detail_are_kept_bounded_and_clean(ward: Make) -> None:
    noisy = {
        "action": "command",
        "command": [
            "/bin/sh",
            "-c",
            "printf 'token=hunter2-secret \\000\\377\\033[31m'; yes x | head -c 100000; exit 1",
        ],
    }
    one = ward([noisy])
    scene = one.fault()
    scene.recover()
    (attempt,) = scene.attempts
    assert attempt.outcome == "failed" and len(attempt.output) <= 4000 and "\0" not in attempt.output
    assert "hunter2" not in attempt.detail + attempt.output


@pytest.mark.whole
def test_time_is_bounded_by_the_wait_and_the_step(ward: Make) -> None:
    one = ward(recovery={"verify_wait": 0.5, "timeout": 0.5})
    one = ward(
        [{"action": "command", "command": ["/bin/sleep", "60"]}, one.step("two")],
        recovery={"verify_wait": 0.5, "timeout": 0.5},
    )
    scene = one.fault()
    began = time.monotonic()
    steps = scene.recover()
    assert time.monotonic() - began < 10
    steps += scene.recover()
    assert [(s.outcome, s.verified) for s in steps if s.outcome] == [("failed", False), ("done", False)]
