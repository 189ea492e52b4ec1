"""What the duel's judge calls detected, healed, level and wrong."""

from collections.abc import Sequence

import pytest
from bench._duel_faults import FAULTS, Copy, Fault
from bench._duel_judge import Message, Outcome, level, outcome

ZERO = 1000.0


class Seen:
    """A target of which it is known when it was restarted, and when it served again."""

    def __init__(self, id_: str, restarts: Sequence[float] = (), served: float | None = None) -> None:
        self.id, self._restarts, self._served = id_, restarts, served

    def restarts(self, since: float = 0.0) -> list[float]:
        return [at for at in self._restarts if at >= since]

    def served(self, since: float) -> float | None:
        return self._served


def judged(fault: str, who: str, targets: Sequence[Seen], mails: Sequence[tuple[float, str]]) -> Outcome:
    copy = Copy(_fault(fault), who, list(targets))  # type: ignore[arg-type]
    copy.injected = ZERO
    return outcome(copy, [Message(at, "", subject) for at, subject in mails], ZERO)


def _fault(id_: str) -> Fault:
    return next(fault for fault in FAULTS if fault.id == id_)


@pytest.mark.parametrize(
    ("who", "begin", "end"),
    [
        ("heartbeat", "[pi] process-killed is down", "[pi] Resolved: process-killed (was down)"),
        ("Monit", "process-killed: Does not exist (restart)", "process-killed: Exists (alert)"),
        ("Monit", "process-killed: Connection failed (restart)", "process-killed: Connection succeeded (alert)"),
        ("loop", "DOWN: process-killed", "UP: process-killed"),
    ],
)
def test_a_fault_that_was_healed_and_told(who: str, begin: str, end: str) -> None:
    target = Seen("process-killed", [ZERO + 5], ZERO + 6)
    one = judged("process-killed", who, [target], [(ZERO + 4, begin), (ZERO + 20, end), (ZERO + 21, "DOWN: other")])
    assert one[1:] == (4.0, 6.0, 1, 2, ())
    assert judged("process-killed", who, [target], [(ZERO + 4, end), (ZERO + 20, begin)]).wrong == (
        "message of the end before that of the beginning",
    )
    assert judged("process-killed", who, [target], []).wrong == (
        "no message that it is in fault",
        "no message of the end",
    )


def test_one_message_may_tell_both() -> None:
    target = Seen("mail-server-away", [ZERO + 5], ZERO + 6)
    late = "[pi] Resolved: mail-server-away (was down), from 22:01:00 to 22:03:00"
    one = judged("mail-server-away", "heartbeat", [target], [(ZERO + 130, late)])
    assert one[1:] == (130.0, 6.0, 1, 1, ())


def test_restarts_that_should_not_have_been() -> None:
    family = [Seen("parent-down", [ZERO + 5], ZERO + 6), Seen("child-1", [ZERO + 5]), Seen("child-2", [ZERO + 7])]
    mails = [(ZERO + 4, "DOWN: parent-down"), (ZERO + 20, "UP: parent-down")]
    assert judged("parent-down", "loop", family, mails).wrong == (
        "restarted a child whose parent is down (2)",
    )  # fmt: skip
    stopped = [Seen("container-stopped", [ZERO + 5])]
    mails = [(ZERO + 4, "DOWN: container-stopped")]
    assert judged("container-stopped", "loop", stopped, mails).wrong == (
        "restarted what a person stopped (1)",
    )  # fmt: skip
    storm = [Seen("starts-in-75s", [ZERO + 20, ZERO + 50], None)]
    assert judged("starts-in-75s", "loop", storm, [(ZERO + 20, "DOWN: starts-in-75s")]).wrong == (
        "storm: 2 restarts where 1 would do",
    )


def test_a_person_is_called_for_what_cannot_be_healed_and_for_nothing_else() -> None:
    person = (ZERO + 60, "[pi] {}: recovery failed, a person is needed")
    loop = [(ZERO + 4, "[pi] crash-loop is down"), (person[0], person[1].format("crash-loop"))]
    assert judged("crash-loop", "heartbeat", [Seen("crash-loop")], loop).wrong == ()
    assert judged("crash-loop", "heartbeat", [Seen("crash-loop")], loop[:1]).wrong == (
        "no message that a person is needed",
    )
    target = Seen("second-try-heals", [ZERO + 20, ZERO + 40], ZERO + 41)
    mails = [
        (ZERO + 20, "[pi] second-try-heals is down"),
        (person[0], person[1].format("second-try-heals")),
        (ZERO + 70, "[pi] Resolved: second-try-heals (was down)"),
    ]
    assert judged("second-try-heals", "heartbeat", [target], mails).wrong == (
        "called a person for what was healed or passed",
    )


@pytest.mark.parametrize(
    ("ours", "others", "said"),
    [
        (12.0, [10.0, 40.0], True),
        (12.1, [10.0, 40.0], False),
        (54.9, [50.0], True),
        (55.1, [50.0], False),
        (None, [50.0, None], False),
        (None, [None, None], True),
        (3.0, [None, None], True),
    ],
)
def test_level_is_within_two_seconds_or_a_tenth(ours: float | None, others: list[float | None], said: bool) -> None:
    assert level(ours, others) is said
