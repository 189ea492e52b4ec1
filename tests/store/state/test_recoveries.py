"""Attempts to heal: recorded before they start, in the order they were made, credited when it came up later."""

from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import recoveries

AT = 1_795_348_800.5
FIRST = Attempt("i/1", "i", "main", 0, "systemd", "heartbeat", "here", AT, verify_until=AT + 60)


def test_an_attempt_is_there_while_it_runs_and_changed_in_place(store: Database) -> None:
    recoveries.save(store, FIRST)
    assert recoveries.of_incident(store, "i") == [FIRST]
    done = FIRST._replace(finished=AT + 2, outcome="done", detail="ok", output="line\0 \udcff\n", verified=AT + 3)
    recoveries.save(store, done)
    assert recoveries.of_incident(store, "i") == [done._replace(output="line ?\n")]
    assert recoveries.of_incident(store, "other") == []


def test_a_forced_attempt_needs_no_incident(store: Database) -> None:
    recoveries.save(store, FIRST._replace(incident=None))
    assert recoveries.between(store, AT, AT + 1) == [FIRST._replace(incident=None)]
    assert recoveries.between(store, AT + 0.001, AT + 1) == [] == recoveries.between(store, 0, AT)


def test_the_order_is_that_of_making_whatever_the_clock_said(store: Database) -> None:
    """Else, after a clock that was put back, the same rung would be repeated until the clock has caught up."""
    for number, back in enumerate((0, -7200, -7100, 50)):
        recoveries.save(store, FIRST._replace(id=f"i/{number}", step=number, started=AT + back))
    recoveries.save(store, FIRST._replace(id="i/0", step=0, outcome="done"))
    assert [one.step for one in recoveries.of_incident(store, "i")] == [0, 1, 2, 3]


def test_what_came_up_in_its_time_is_credited_to_the_last_attempt(store: Database) -> None:
    done = FIRST._replace(outcome="done")
    recoveries.save(store, done)
    recoveries.save(store, done._replace(id="i/2", started=AT + 100, verify_until=AT + 160))
    recoveries.mark_verified(store, "i", AT + 120)
    assert [one.verified for one in recoveries.of_incident(store, "i")] == [None, AT + 120]
    recoveries.mark_verified(store, "i", AT + 130)
    assert [one.verified for one in recoveries.of_incident(store, "i")] == [None, AT + 120]


def test_credit_for_what_needed_more_than_its_time_so_that_it_gets_more(store: Database) -> None:
    recoveries.save(store, FIRST._replace(outcome="done"))
    recoveries.save(store, FIRST._replace(id="i/held", outcome="held"))
    recoveries.mark_verified(store, "i", AT + 119)
    assert recoveries.start_times(store, ["main", "other"]) == {"main": [119.0]}
    assert recoveries.start_times(store, []) == {}


def test_no_credit_for_what_came_up_late_or_was_never_done(store: Database) -> None:
    recoveries.save(store, FIRST._replace(outcome="done"))
    recoveries.mark_verified(store, "i", AT + 121)
    recoveries.mark_verified(store, "i", AT - 1)
    recoveries.save(store, FIRST._replace(id="j/1", incident="j", outcome="failed"))
    recoveries.mark_verified(store, "j", AT + 1)
    assert [one.verified for one in recoveries.between(store, 0, AT + 99)] == [None, None]


def test_a_step_whose_process_was_killed_does_not_run_for_ever(store: Database) -> None:
    """What it was about is well again: nobody looks into it any more."""
    recoveries.save(store, FIRST._replace(id="j/1", incident="j"))
    recoveries.save(store, FIRST)
    recoveries.mark_verified(store, "i", AT + 20)
    (one,) = recoveries.of_incident(store, "i")
    assert (one.outcome, one.finished, one.verified) == ("cut off", AT + 20, AT + 20)
    recoveries.save(store, FIRST._replace(id="k/1", incident="k"))
    recoveries.mark_verified(store, "k", AT - 5)
    assert [(one.outcome, one.finished, one.verified) for one in recoveries.of_incident(store, "k")] == [
        ("cut off", AT, None)
    ]
    assert [one.outcome for one in recoveries.of_incident(store, "j")] == ["running"]
