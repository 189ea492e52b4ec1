"""Recovery that is braked, guarded and explained: what holds a step back, for how long, and what is said of it."""

import time
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import recoveries, states, steps_seen
from tests.parts.docker import RunContainer, docker, inspect, run_container
from tests.parts.http import Answer, Server
from tests.parts.scene import Scene
from tests.passes.recover.test_recover import BAD, Make, Ward, server, ward

__all__ = ["run_container", "server", "ward"]

TOUCHY = {"verify_wait": 0.4, "startup_grace": 60.0, "timeout": 5.0}


def fall_again(one: Ward, quiet: float = 0.0) -> None:
    """Healthy for long enough that the incident is over, and for `quiet` seconds more, then in fault anew."""
    one.server.answer = Answer()
    assert "main ended" in one.scene.pass_(2)
    one.scene.now += quiet
    one.cure.unlink(missing_ok=True)
    time.sleep(0.05)  # until the watcher has seen that the cure is gone
    one.server.answer = BAD
    one.scene.pass_(3)


def notified(scene: Scene, kind: str) -> int:
    return sum(one.type == kind for one in alerts.between(scene.db, 0, 9e9))


def test_a_thing_that_falls_again_and_again_spends_its_budget_and_one_person_is_notified(ward: Make) -> None:
    one = ward()
    one = ward([one.step("one", cures=True)], recovery={"budget": 3, "backoff": 0}, main={"hold_flapping": False})
    scene = one.fault()
    for _ in range(3):
        assert [step.verified for step in scene.recover()] == [True]
        fall_again(one)
    assert len(one.steps) == 3 and notified(scene, "recovery_failed") == 0
    for _ in range(3):
        (step,) = scene.recover()
        assert (step.decision, step.name, step.failed) == ("held", "budget", True)
        scene.now += 600
    assert len(one.steps) == 3 and notified(scene, "recovery_failed") == 1
    assert "its budget is spent: 3 steps within 1 h" in alerts.between(scene.db, 0, 9e9)[0].reason
    fall_again(one)  # another incident while the breaker is open: nothing is done, and nothing told again
    assert scene.recover()[0].name == "budget" and notified(scene, "recovery_failed") == 1
    scene.now += 14_400
    scene.pass_(1)
    assert [step.outcome for step in scene.recover()] == ["done"]


def test_the_same_step_again_waits_longer_each_time(ward: Make) -> None:
    one = ward()
    one = ward([one.step("one", cures=True)], recovery={"backoff": 600}, main={"hold_flapping": False})
    scene = one.fault()
    scene.recover()
    fall_again(one)
    (step,) = scene.recover()
    assert (step.decision, step.name) == ("wait", "backoff")
    assert step.reason.startswith("held: step 1 was taken once within 1 h; waits ")
    scene.now += 750
    scene.pass_(1)
    assert scene.recover()[0].verified
    fall_again(one)
    scene.now += 750
    assert scene.recover()[0].name == "backoff" and one.steps == ["one", "one"]


def many(one: Ward, count: int, cures: bool = False) -> dict[str, Any]:
    table = {"kind": "agent", "url": one.server.url, "timeout": 2, "retries": 0}
    return {f"n{n}": table | {"recovery": {"ladder": [one.step(f"n{n}", cures=cures)]}} for n in range(count)}


def test_the_host_has_a_budget_over_all_components(
    store: Database, store_url: str, tmp_path: Path, server: Server
) -> None:
    one = Ward(store, store_url, tmp_path, server)
    scene = Scene(store, store_url, tmp_path, many(one, 6), recovery=TOUCHY | {"host_budget": 4})
    scene.pass_(3)
    steps = scene.recover()
    assert [step.name for step in steps].count("host_budget") == 2 and len(one.steps) == 4
    outlooks = [str(alert.details["recovery"])[:5] for alert in alerts.between(store, 0, 9e9) if "down" in alert.type]
    assert sorted(outlooks) == ["being"] * 4 + ["held:"] * 2
    scene.recover()
    assert len(one.steps) == 4 and notified(scene, "recovery_braked") == 1
    scene.now += 3601
    scene.pass_(1)
    scene.recover()
    assert len(one.steps) == 6


def test_steps_of_several_components_run_side_by_side(
    store: Database, store_url: str, tmp_path: Path, server: Server
) -> None:
    """Each waits until all have begun: one after another, none would ever end."""
    one = Ward(store, store_url, tmp_path, server)
    meet = f"touch {tmp_path}/at-$0; while [ $(ls {tmp_path}/at-* | wc -l) -lt 3 ]; do sleep 0.02; done"
    table = {"kind": "agent", "url": server.url, "timeout": 2, "retries": 0}
    components = {
        name: table | {"recovery": {"ladder": [{"action": "command", "command": ["/bin/sh", "-c", meet, name]}]}}
        for name in "abc"
    }
    scene = Scene(store, store_url, tmp_path, components, recovery=TOUCHY)
    scene.pass_(3)
    assert [(step.component, step.outcome) for step in scene.recover()] == [(n, "done") for n in "abc"]
    assert one.steps == []


_TOGETHER = """
cd "$1"; test -e "done-$0" || exit 2
await() { n=0; until test -e "$1"; do n=$((n+1)); test $n -gt 60 && exit 2; sleep 0.05; done; }
case "$0" in
  first) await done-b; await done-c; sleep 0.5;;
  b) : > checks-b; await checks-c;;
  c) : > checks-c; await checks-b;;
esac
"""


def test_those_that_were_not_helped_are_checked_together(
    store: Database, store_url: str, tmp_path: Path, ward: Make
) -> None:
    """While the first is checked once more, the steps of two others fail; their checks wait for one another."""
    one = ward()
    components = {}
    for name, takes in (("first", 0), ("b", 0.2), ("c", 0.4)):
        fails = f"sleep {takes}; : > {tmp_path}/done-{name}; exit 1"
        components[name] = {
            "kind": "command",
            "command": ["/bin/sh", "-c", _TOGETHER, name, str(tmp_path)],
            "retries": 0,
            "recovery": {"ladder": [{"action": "command", "command": ["/bin/sh", "-c", fails]}, one.step(name)]},
        }
    scene = Scene(store, store_url, tmp_path, components, recovery=TOUCHY)
    scene.pass_(3)
    left_alone = [step.component for step in scene.recover() if step.reason == "held: it answers again"]
    assert left_alone == ["first", "b", "c"] and one.steps == []


def test_one_good_check_is_no_verification_when_two_end_a_fault(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    """A crash loop is up for a moment after each restart: here every other check finds it well."""
    check, looks, flag = tmp_path / "check", tmp_path / "looks", tmp_path / "restarted"
    check.write_text(
        f"#!/bin/sh\necho x >> {looks}\n[ -e {flag} ] && [ $(( $(wc -l < {looks}) % 2 )) -eq 0 ] && exit 0\nexit 2\n"
    )
    check.chmod(0o755)
    ladder = [{"action": "command", "command": ["/usr/bin/touch", str(flag)]}]
    table = {"kind": "command", "command": [str(check)], "retries": 0, "recovery": {"ladder": ladder}}
    scene = Scene(store, store_url, tmp_path, {"main": table}, recovery=TOUCHY | {"verify_wait": 1.5})
    scene.pass_(3)
    (step,) = scene.recover()
    assert (step.outcome, step.verified) == ("done", False)
    assert looks.read_text().count("x") > 6


def test_what_was_held_back_is_kept_once_with_its_reason(ward: Make) -> None:
    db = {"kind": "tcp", "host": "127.0.0.1", "port": 1, "retries": 0, "timeout": 1, "recovery": "off"}
    one = ward(main={"depends_on": ["db"]}, components={"db": db})
    one.scene.pass_(4)
    for _ in range(3):
        one.recover()
    assert one.scene.holds == ["parent"]
    assert one.scene.attempts == []


def test_what_was_stopped_on_purpose_is_left_alone_when_the_engine_has_forgotten(
    store: Database, store_url: str, tmp_path: Path, run_container: RunContainer
) -> None:
    name = run_container()
    box = {"kind": "docker", "container": name, "recovery": {"backoff": 0}}
    scene = Scene(store, store_url, tmp_path, {"main": box}, recovery=TOUCHY)

    def end(how: str) -> None:
        docker("start", name)
        docker(how, name)

    def said_earlier() -> None:
        """That this end was a stop; its event is forgotten by now, which makes it look like a kill."""
        (attempt,) = recoveries.of_incident(store, scene.incidents["main"].id)
        was, ended = attempt.detail.split(" at ")[1].split(",")[0], inspect(name)["State"]["FinishedAt"]
        recoveries.save(store, attempt._replace(detail=attempt.detail.replace(was, ended)))

    docker("stop", name)
    scene.pass_(3)
    assert scene.recover()[0].name == "objection"
    end("stop")  # another end: what is kept must be about this one
    assert scene.recover()[0].name == "objection"
    assert inspect(name)["State"]["FinishedAt"] in recoveries.of_incident(store, scene.incidents["main"].id)[0].detail
    end("kill")
    said_earlier()
    assert scene.recover()[0].name == "objection"
    end("kill")
    assert scene.recover()[0].outcome == "done"


def test_what_stayed_healthy_for_long_enough_falls_without_backoff(ward: Make) -> None:
    """The backoff belongs to one trouble; the budget counts over all."""
    one = ward()
    recovery = {"backoff": 600, "steady_after": 300, "budget": 3}
    one = ward([one.step("one", cures=True)], recovery=recovery, main={"hold_flapping": False})
    scene = one.fault()
    assert scene.recover()[-1].verified
    fall_again(one, quiet=100)
    assert scene.recover()[-1].name == "backoff"
    for came_to in ("first", "first", "budget"):
        fall_again(one, quiet=400)
        assert scene.recover()[-1].name == came_to


def test_a_fault_left_alone_and_then_not_healed_is_reported_again(ward: Make) -> None:
    """A person was told that it is left alone, and did something; what was tried then, in vain, is news."""
    one = ward()
    scene = one.fault()
    failing = Ward(
        scene.db, scene.config.store, one.folder, one.server, [{**one.step("one", code=1), "tries": 1}]
    ).scene
    failing.now = scene.now
    incident = scene.incidents["main"]
    came_to = Alert(
        f"{incident.id}/recovery_held", "recovery_held", "high", "t", "main", scene.now, incident.id, "masked", {}
    )
    alerts.add(scene.db, came_to, scene.config.channels, scene.now)
    states.save_recovery(scene.db, incident.id, "held")
    assert scene.incidents["main"].needs_person
    for _ in range(2):
        assert failing.recover()[-1].decision == "exhausted"
    assert (notified(scene, "recovery_held"), notified(scene, "recovery_failed")) == (1, 1)
    assert scene.incidents["main"].recovery == "failed"


def test_after_its_parent_is_back_a_child_has_time_to_follow(ward: Make, tmp_path: Path) -> None:
    flag = tmp_path / "well"
    db = {"kind": "command", "command": ["/usr/bin/test", "-e", str(flag)], "exit_codes": "plain", "recovery": "off"}
    one = ward(main={"depends_on": ["db"], "fail_threshold": 1}, components={"db": db})
    scene = one.scene
    scene.pass_(4, step=5)
    flag.touch()
    scene.pass_(2, step=5)
    assert "db" not in scene.incidents and scene.incidents["main"].held_by is None
    (step,) = scene.recover()
    assert (step.decision, step.name) == ("wait", "follows") and step.reason.startswith(
        "db, which it depends on, is ba"
    )
    scene.now += 61
    scene.pass_(1)
    assert scene.recover()[0].decision == "ran"


def test_what_was_healed_is_checked_soon_and_not_restarted_meanwhile(ward: Make) -> None:
    one = ward()
    one = ward([one.step("one", cures=True)], main={"interval": 3600}, recovery={"backoff": 0})
    scene = one.fault()
    scene.recover()
    assert one.recover() == [("wait", "step 1 healed it; waiting for the next check")]
    scene.now += 30
    assert set(scene.check().readings) == {"main"} and scene.detect() == []
    scene.now += 30
    scene.check()
    assert scene.detect() == ["main ended"] and one.steps == ["one"]


def test_a_slow_starter_is_given_longer_the_next_time(ward: Make) -> None:
    one = ward([{"action": "command", "command": ["/bin/true"]}])
    scene = one.fault()
    scene.recover()
    scene.now += 70  # more than its 60 s, and nothing was done meanwhile
    one.server.answer = Answer()
    scene.pass_(2)
    assert scene.attempts[0].verified is not None
    one.server.answer = BAD
    scene.now += 300
    scene.pass_(3)
    scene.recover()
    last = scene.attempts[-1]
    assert last.verify_until is not None and last.verify_until - last.started == pytest.approx(105)


# --- not permitted, cut off ------------------------------------------------------------------------------------------


def test_a_missing_right_is_reported_as_that(ward: Make, tmp_path: Path) -> None:
    program = tmp_path / "no-right"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o644)
    one = ward([{"action": "command", "command": [str(program)]}])
    scene = one.fault()
    steps = scene.recover()
    assert [(step.outcome, step.name) for step in steps] == [("denied", "first"), (None, "denied")]
    assert notified(scene, "recovery_denied") == 1 and notified(scene, "recovery_failed") == 0
    alert = alerts.between(scene.db, 0, 9e9)[0]
    assert alert.reason.startswith("heartbeat is not permitted to do it: cannot run no-right: permission denied")


def test_of_two_hosts_only_one_heals(ward: Make, store_url: str) -> None:
    """A person's `heartbeat recover` on the other host took a step between our decision and our turn."""
    one = ward()
    scene = one.fault()
    elsewhere = Attempt("there/1", scene.incidents["main"].id, "main", 0, "command", "person", "there", scene.now)
    recoveries.save(scene.db, elsewhere._replace(verify_until=scene.now + 60))
    assert one.recover() == [("wait", "step 1 was cut off and may still be at work: 65 s left")]
    assert one.steps == []


@pytest.mark.parametrize("outcome", ["running", "done"])
@pytest.mark.parametrize("skew", [0.1, 2.0, 120.0])
def test_a_step_of_a_host_whose_clock_is_before_ours_is_waited_for(ward: Make, outcome: str, skew: float) -> None:
    """Or that was recorded after we asked what time it is, and before we read."""
    one = ward()
    scene = one.fault()
    begun = scene.now + skew
    elsewhere = Attempt("there/1", scene.incidents["main"].id, "main", 0, "command", "heartbeat", "there", begun)
    recoveries.save(scene.db, elsewhere._replace(outcome=outcome, verify_until=begun + 60))
    assert [step.decision for step in scene.recover()] == ["wait"]
    assert one.steps == []


def begun_elsewhere(scene: Scene, skew: float) -> None:
    """A host whose clock is `skew` seconds before ours has begun a step, and is never heard of again."""
    begun = scene.now + skew
    theirs = Attempt("there/1", scene.incidents["main"].id, "main", 0, "command", "heartbeat", "there", begun)
    recoveries.save(scene.db, theirs._replace(verify_until=begun + 60))


def decisions(one: Ward, *after: float) -> list[str]:
    """What is decided in passes, so many seconds after one another."""
    found = []
    for seconds in after:
        one.scene.now += seconds
        found += [step.decision for step in one.scene.recover()]
    return found


@pytest.mark.parametrize("skew", [-86_400.0, -300.0, 0.0, 300.0, 86_400.0])
def test_the_step_of_a_host_that_is_gone_is_timed_by_our_own_checks(ward: Make, skew: float) -> None:
    """Its time (5 s) and its grace (60 s) are waited for, a minute longer each, whatever its clock said; then we go
    on."""
    one = ward(recovery={"backoff": 0})
    one.fault()
    begun_elsewhere(one.scene, skew)
    assert decisions(one, 0, 30, 30) == ["wait"] * 3
    assert [attempt.outcome for attempt in one.scene.attempts] == ["running"]
    assert decisions(one, 30) == ["wait"]
    assert [attempt.outcome for attempt in one.scene.attempts] == ["cut off"]
    assert one.steps == []
    assert decisions(one, 31) == ["ran"]
    assert one.steps == ["one"]


@pytest.mark.parametrize(("jump", "then"), [(-3_600.0, ["wait", "wait", "ran"]), (3_600.0, ["wait", "ran"])])
def test_a_clock_that_jumps_has_not_watched_all_that_time(ward: Make, jump: float, then: list[str]) -> None:
    one = ward()
    one.fault()
    begun_elsewhere(one.scene, 0.0)
    assert decisions(one, 0, jump) == ["wait"] * 2
    assert [attempt.outcome for attempt in one.scene.attempts] == ["running"]
    assert decisions(one, *[45] * len(then)) == then and one.steps == ["one"]


def test_a_dry_run_does_not_begin_to_time_a_step_of_another_host(ward: Make) -> None:
    one = ward()
    one.fault()
    begun_elsewhere(one.scene, 0.0)
    one.scene.recover(dry_run=True)
    one.scene.now += 45
    one.scene.recover()
    assert steps_seen.read(one.scene.db, "here") == {"there/1": 0.0}


def test_how_the_step_of_another_host_went_counts_when_it_says_so(ward: Make) -> None:
    """It was slow, and not gone: what it says in the end stands, and the next step is ours to take."""
    one = ward()
    one.fault()
    begun_elsewhere(one.scene, -300.0)
    assert decisions(one, 0, 45, 45) == ["wait"] * 3
    (theirs,) = one.scene.attempts
    assert theirs.outcome == "cut off"
    recoveries.save(one.scene.db, theirs._replace(outcome="failed"))
    assert decisions(one, 5) == ["ran"] and one.steps == ["two"]


def fails_and_answers(one: Ward) -> list[str]:
    """A pass at whose check it fails; then, before the step, it answers."""
    one.server.answer = BAD
    one.scene.pass_()
    one.server.answer = Answer()
    return [step.reason for step in one.scene.recover()]


INSISTS = (
    "held: it failed at 3 checks and answered when it was checked again before the step; it is not restarted while it"
    " answers; by hand: heartbeat recover --component main --force"
)


def test_what_fails_at_its_checks_and_answers_before_the_step_is_reported_after_three_times(ward: Make) -> None:
    """It was never healed, and nobody heard why. No restart: it answers."""
    one = ward()
    scene = one.fault()
    assert [fails_and_answers(one) for _ in range(2)] == [["held: it answers again"]] * 2
    assert one.recover() == [("held", "held: it answers again")], "there was no check in between"
    assert notified(scene, "recovery_held") == 0
    assert fails_and_answers(one) == [INSISTS]
    assert notified(scene, "recovery_held") == 1 and scene.incidents["main"].recovery == "held"
    assert fails_and_answers(one) == [INSISTS.replace("3 checks", "4 checks")]
    assert (notified(scene, "recovery_held"), scene.holds, one.steps) == (1, ["answers"], [])
    alert = next(found for found in alerts.between(scene.db, 0, 9e9) if found.type == "recovery_held")
    assert alert.reason == INSISTS


def test_it_is_restarted_as_soon_as_it_fails_then_too(ward: Make) -> None:
    one = ward()
    one.fault()
    for _ in range(3):
        fails_and_answers(one)
    one.server.answer = BAD
    one.scene.pass_()
    assert [step.decision for step in one.scene.recover()] == ["ran"] and one.steps == ["one"]


def test_each_incident_is_counted_by_itself(ward: Make) -> None:
    one = ward()
    one.fault()
    for _ in range(2):
        fails_and_answers(one)
    one.scene.pass_(2)
    assert not one.scene.incidents
    one.scene.now += 600  # a fault that returns at once is the same incident
    one.server.answer = BAD
    one.fault()
    assert [fails_and_answers(one) for _ in range(2)] == [["held: it answers again"]] * 2
    assert notified(one.scene, "recovery_held") == 0


def test_a_dry_run_is_not_counted(ward: Make) -> None:
    one = ward()
    one.fault()
    for _ in range(2):
        fails_and_answers(one)
    one.server.answer = BAD
    one.scene.pass_()
    one.server.answer = Answer()
    for _ in range(2):
        assert one.recover(dry_run=True) == [("held", "held: it answers again")]
    assert one.recover() == [("held", INSISTS)]


def test_a_host_heals_only_what_it_watches(ward: Make) -> None:
    one = ward()
    one.fault()
    scene = Ward(one.scene.db, one.scene.config.store, one.folder, one.server, main={"observer": "elsewhere"}).scene
    assert scene.recover() == [] and one.steps == []
    assert scene.recover("main")[0].decision == "ran"  # unless a person names it


# --- work in flight --------------------------------------------------------------------------------------------------


def guarded(one: Ward, server: Server, **more: Any) -> Ward:
    ladder = [one.step("one", cures=True)]
    guard = {"busy": {"url": server.url}, "busy_wait": 100} | more
    table = {"recovery": {"ladder": ladder, **guard}}
    again = Ward(one.scene.db, one.scene.config.store, one.folder, one.server, main=table)
    again.fault()
    return again


@pytest.fixture
def jobs() -> Any:
    from tests.parts.http import healthy_server

    with healthy_server(Answer(200, b'{"running": 2}')) as one:
        yield one


def test_work_in_flight_is_waited_for_and_then_it_is_restarted(ward: Make, jobs: Server) -> None:
    one = guarded(ward(), jobs)
    (step,) = one.scene.recover()
    assert (step.decision, step.name) == ("held", "busy")
    assert step.reason.startswith("held: work is in flight (2 running, says 127.0.0.1); waits ")
    assert one.steps == [] and one.scene.holds == ["busy"]
    one.scene.now += 101
    assert one.scene.recover()[0].outcome == "done" and one.steps == ["one"]


def test_idle_means_at_once(ward: Make, jobs: Server) -> None:
    jobs.answer = Answer(200, b'{"running": 0}')
    one = guarded(ward(), jobs)
    assert one.scene.recover()[0].outcome == "done"


def test_or_it_is_given_up_and_a_person_notified(ward: Make, jobs: Server) -> None:
    one = guarded(ward(), jobs, busy_then="give_up")
    one.scene.now += 101
    for _ in range(2):
        (step,) = one.scene.recover()
        assert (step.name, step.failed) == ("given_up", True)
    assert one.steps == [] and notified(one.scene, "recovery_held") == 1


def test_a_drain_call_goes_before_the_step(ward: Make, jobs: Server) -> None:
    jobs.answer = Answer(200, b'{"busy": false}')
    one = guarded(ward(), jobs, drain={"url": jobs.url + "/drain"})
    assert one.scene.recover()[0].outcome == "done"
    (attempt,) = one.scene.attempts
    assert attempt.output.startswith("drain: done: ")
    assert [seen.method for seen in jobs.seen] == ["GET", "POST"]


def test_the_alert_says_what_comes_next(ward: Make) -> None:
    one = ward()
    scene = one.fault()
    assert alerts.between(scene.db, 0, 9e9)[0].details["recovery"] == "being done now: step 1 of 2: command sh"
