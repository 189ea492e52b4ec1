"""What was done to a container, from its inspect and the Engine's log; the words are those of Docker 20.10."""

from typing import Any

import pytest

from heartbeat_cli.domain.kinds.container_past import Event, dependents, events, stopped_on_purpose, touched_since

END = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def inspected(code: int = 0, policy: str = "no", **state: Any) -> dict[str, Any]:
    fixed = {"Status": "exited", "ExitCode": code, "FinishedAt": "2026-01-01T00:00:00.000000123Z", "Error": ""}
    return {"Id": "a" * 64, "Name": "/web", "State": fixed | state, "HostConfig": {"RestartPolicy": {"Name": policy}}}


def log(*pairs: tuple[str, float]) -> list[Event]:
    return [Event(action, END + at) for action, at in pairs]


STOPPED = log(("kill", -0.5), ("die", 0.008), ("stop", 0.016))


@pytest.mark.parametrize("policy", ["no", "always", "unless-stopped", "on-failure"])
@pytest.mark.parametrize("code", [0, 1, 137, 143])
def test_the_log_tells_whatever_the_policy_and_the_exit_code(policy: str, code: int) -> None:
    assert stopped_on_purpose(inspected(code, policy), STOPPED)
    assert not stopped_on_purpose(inspected(code, policy), log(("kill", -0.1), ("die", 0.01)))


@pytest.mark.parametrize(
    ("code", "policy", "marked", "wished"),
    [
        (0, "no", None, None),  # nobody can tell
        (143, "no", None, None),
        (0, "on-failure", None, None),
        (143, "unless-stopped", None, True),  # else Docker would have started it again
        (0, "always", None, True),
        (143, "on-failure", None, False),  # Docker may have given up on it
        (137, "no", None, False),  # docker kill
        (137, "always", None, False),
        (1, "no", None, False),
        (0, "no", True, True),
        (143, "no", True, True),
        (137, "no", True, False),  # stopped or killed: with this exit code it is a kill
        (0, "no", False, False),
        (0, "always", False, False),  # it ended while the Engine was being started
        (143, "no", False, False),
    ],
)
def test_without_the_log_the_exit_code_and_the_engines_mark_tell(
    code: int, policy: str, marked: bool | None, wished: bool | None
) -> None:
    old = log(("die", -400.0), ("stop", -399.9))
    assert stopped_on_purpose(inspected(code, policy), old, marked) is wished


@pytest.mark.parametrize(
    "state",
    [
        {"OOMKilled": True},
        {"Error": "cannot start"},
        {"Status": "running"},
        {"Status": "created", "FinishedAt": "0001-01-01T00:00:00Z"},
        {"Status": "restarting"},
        {"FinishedAt": "nonsense"},
        {"FinishedAt": None},
    ],
)
def test_what_is_nobodys_wish(state: dict[str, Any]) -> None:
    assert not stopped_on_purpose(inspected(0, **state), STOPPED)


def test_a_crash_right_after_a_restart_is_a_crash() -> None:
    restarted = log(("kill", -0.9), ("die", -0.8), ("stop", -0.79), ("start", -0.5), ("die", 0.01))
    assert not stopped_on_purpose(inspected(0), restarted)


def test_events_that_are_none_are_passed_over() -> None:
    own, nanos = {"ID": "a" * 64}, 1_767_225_600_500_000_000
    lines = [
        {"Action": "stop", "Actor": own, "timeNano": nanos},
        {"Action": "die", "Actor": own, "timeNano": nanos - 1_000_000_000},
        {"Action": "exec_start: rm -rf /", "Actor": own, "timeNano": nanos},
        {"Action": "stop", "Actor": {"ID": "b" * 64}, "timeNano": nanos},
        {"Action": "stop", "Actor": own},
        {"Action": ["stop"], "Actor": own, "timeNano": nanos},
        {"Action": "stop", "Actor": None},
        "stop",
        None,
    ]
    assert events(lines, "a" * 64) == [("die", END - 0.5), ("stop", END + 0.5)]


def test_what_is_under_way() -> None:
    assert touched_since(log(("kill", 1)), END)
    assert not touched_since(log(("kill", -1)), END)
    assert not touched_since(log(("kill", 1), ("die", 2)), END)
    assert touched_since(log(("unpause", 1)), END)


def test_who_shares_its_network() -> None:
    def listed(name: str, mode: str, state: str = "running") -> dict[str, Any]:
        return {"Names": [f"/other/{name}", f"/{name}"], "State": state, "HostConfig": {"NetworkMode": mode}}

    every = [
        listed("by-id", f"container:{'a' * 64}"),
        listed("by-short-id", f"container:{'a' * 12}"),
        listed("by-name", "container:web"),
        listed("looping", "container:web", "restarting"),
        listed("resting", "container:web", "exited"),
        listed("other", "container:website"),
        listed("host", "host"),
        {"Names": None, "HostConfig": None},
    ]
    assert dependents(every, inspected()) == ["by-id", "by-name", "by-short-id", "looping"]


def test_a_moment_that_no_clock_has_is_passed_over() -> None:
    own = {"ID": "a" * 64}
    assert events([{"Action": "stop", "Actor": own, "timeNano": 10**400}], "a" * 64) == []
