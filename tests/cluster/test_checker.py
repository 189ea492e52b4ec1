"""The checker of the histories finds what it is for: a small history in order, and one defect at a time."""

from typing import Any

import pytest

from tests.parts.cluster.audit import Written
from tests.parts.cluster.checker import Attempt, Notice, Pass, Record, violations
from tests.parts.cluster.observers import NAMES, Run, Step

NOW = 1_795_900_000.0
INCIDENT = f"web@{round(NOW * 1000)}"
LEVEL = dict.fromkeys(NAMES, 0.0)


def look(seq: int, observer: str, status: str, at: float) -> Written:
    row = {"observer": observer, "component": "web", "status": status}
    return Written(seq, seq, f"{seq}:{seq}:", at, at, observer, "heartbeat_looks", row)


def judged(seq: int, state: str, counts: tuple[int, int], at: float) -> list[Written]:
    """What a detection writes: the state, and the incident that it begins or ends."""
    row: dict[str, Any] = {"component": "web", "state": state, "fail_count": counts[0], "success_count": counts[1]}
    found = [Written(seq, seq, f"{seq}:{seq}:", at, at, "o1", "heartbeat_state", row)]
    if state in ("fault", "healthy"):
        of = {"id": INCIDENT, "component": "web", "declared": None, "ended": None if state == "fault" else "then"}
        found.append(Written(seq + 1, seq, f"{seq}:{seq}:", at, at, "o1", "heartbeat_incidents", of))
    return found


def round_(seq: int, statuses: str, at: float) -> list[Written]:
    """A vote of each host: `x` fails, `.` is good."""
    words = {"x": "unhealthy", ".": "healthy"}
    return [look(seq + n, name, words[sign], at) for n, (name, sign) in enumerate(zip(NAMES, statuses, strict=True))]


WRITTEN = [
    *round_(10, "xxx..", NOW),
    *judged(20, "suspect", (1, 0), NOW + 0.5),
    *judged(30, "fault", (2, 0), NOW + 0.6),
    *round_(40, "xx...", NOW + 9),
    *judged(50, "recovering", (0, 1), NOW + 9.5),
    *judged(60, "healthy", (0, 0), NOW + 9.6),
]
RUNS = [Run(name, 100 + n, NOW, NOW + 1, 0, "") for n, name in enumerate(NAMES)]
PASSES = [Pass(one.observer, one.pid, NOW + 0.1, 2, 2, 2, True) for one in RUNS]
STEPS = [Step("o1", 1, NOW + 1.0, NOW + 1.2), Step("o2", 2, NOW + 5.0, NOW + 5.2)]
ATTEMPTS = [Attempt(one.observer, INCIDENT, one.number, one.begun - 0.1, one.ended + 0.1, "done") for one in STEPS]
NOTICES = [
    Notice(NOW + 1, "o1", f"{INCIDENT}/agent_down", "agent_down"),
    Notice(NOW + 9.7, "o3", f"{INCIDENT}/recovered", "recovered"),
]
GOOD = Record(LEVEL, RUNS, PASSES, STEPS, ATTEMPTS, NOTICES, WRITTEN, {"web": "healthy"}, 0, 0)


def test_a_history_in_order() -> None:
    assert violations(GOOD) == []


def test_an_end_that_came_in_one_message_with_others() -> None:
    begun, over = NOTICES
    several = Notice(over.at, "o3", "digest/hook/1", "digest")
    assert violations(GOOD._replace(notices=[begun, several])), "whatever it holds"
    inside = {several.id: [(over.id, over.type), (f"cluster@{NOW}/recovered", "recovered")]}
    assert violations(GOOD._replace(notices=[begun, several], batches=inside)) == []
    assert violations(GOOD._replace(notices=[begun, over, several], batches=inside)), "it was sent twice"


def without(index: int, statuses: str) -> list[Written]:
    """The same history with other votes in one of its rounds."""
    others = round_(WRITTEN[index].seq, statuses, WRITTEN[index].at)
    return [*WRITTEN[:index], *others, *WRITTEN[index + 5 :]]


RECOVERING = next(place for place, one in enumerate(WRITTEN) if one.seq == 40)
BAD = {
    "a pass is lost": ({"passes": PASSES[1:]}, "lost: o1's run 100 "),
    "a pass stands twice": ({"passes": [*PASSES, PASSES[0]]}, "2 times the same pass"),
    "a check stands twice": ({"passes": [PASSES[0]._replace(checks=3), *PASSES[1:]]}, "is not whole"),
    "a pass is not judged": ({"passes": [PASSES[0]._replace(judged=False), *PASSES[1:]]}, "was never judged"),
    "a run fails": ({"runs": [RUNS[0]._replace(code=3, said="no store"), *RUNS[1:]]}, "ended with 3: no store"),
    "a spool is left": ({"spools": 1}, "1 spools are left"),
    "a step is not recorded": ({"attempts": ATTEMPTS[1:]}, "no attempt says so"),
    "two steps at once": ({"steps": [STEPS[0]._replace(ended=NOW + 6), STEPS[1]]}, "began before"),
    "no time for a step": (
        {
            "steps": [STEPS[0], STEPS[1]._replace(begun=NOW + 2, ended=NOW + 2.2)],
            "attempts": [ATTEMPTS[0], ATTEMPTS[1]._replace(started=NOW + 1.9, finished=NOW + 2.3)],
        },
        "was taken 1.00 s after",
    ),
    "no end": ({"notices": NOTICES[:1]}, "recovered never"),
    "an end before its beginning": ({"notices": [NOTICES[0]._replace(at=NOW + 10), NOTICES[1]]}, "was sent before"),
    "a message twice": ({"notices": [*NOTICES, NOTICES[0]._replace(observer="o5")]}, "agent_down was sent 2 times"),
    "a doubt without an end": (
        {"notices": [*NOTICES, Notice(NOW + 10, "o2", "web@9/unconfirmed", "unconfirmed")]},
        "and nothing since",
    ),
    "a fault at the end": ({"states": {"web": "fault"}}, "web is fault at the end"),
    "a message waits": ({"unsent": 1}, "1 notifications are not sent"),
    "a fault of two votes": ({"written": without(0, "xx...")}, "the votes it could see say ['up']"),
    "an end against three votes": ({"written": without(RECOVERING, "xxx..")}, "the votes it could see say ['down']"),
    "an incident without a fault": ({"written": [*WRITTEN[:6], *WRITTEN[7:]]}, f"opened {INCIDENT} while the state"),
}


@pytest.mark.parametrize(("changes", "said"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_found(changes: dict[str, Any], said: str) -> None:
    found = violations(GOOD._replace(**changes))
    assert any(said in one for one in found), found


def test_what_falls_again_after_a_step_has_helped_is_not_waited_for() -> None:
    soon = {"steps": [STEPS[0], STEPS[1]._replace(begun=NOW + 2, ended=NOW + 2.2)]}
    helped = ATTEMPTS[0]._replace(verified=NOW + 1.5)
    later = ATTEMPTS[1]._replace(started=NOW + 1.9, finished=NOW + 2.3)
    assert not [one for one in violations(GOOD._replace(**soon, attempts=[helped, later])) if one.startswith("twice")]


def test_a_message_whose_answer_was_lost_may_come_again() -> None:
    twice = GOOD._replace(notices=[*NOTICES, NOTICES[0]._replace(at=NOTICES[0].at + 1.3)])
    assert any("sent 2 times" in one for one in violations(twice))
    assert violations(twice._replace(unanswered={NOTICES[0].id: "receiver: the connection broke off"})) == []
