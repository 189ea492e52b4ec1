"""Lines of a message about what surrounds a fault."""

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.kinds import container
from heartbeat_cli.domain.text import Text
from heartbeat_cli.views import messages

START = 1_795_000_000.0  # 11:06:40 UTC


def text(type_: str, **details: object) -> str:
    base = {"started": START, "observer": "pi", "kind": type_.partition("_")[0]}
    one = Alert("i/x", type_, "high", "Jobs is down", "jobs", START + 60, "i", "a reason", base | details)
    return messages.message(one, "en", "UTC", []).text


def test_a_budget_may_be_the_cause_of_what_began_after_it_was_spent() -> None:
    may = "Tokens may be the cause, if it needs that: it goes on when the budget starts anew (13:53:20)"
    likely = ["Tokens", START + 10_000, START - 100]
    assert may in text("agent_down", cause="HTTP 503", likely=likely)
    assert may not in text("agent_down", cause="HTTP 503", likely=[*likely[:2], START + 1])
    stuck = Text("{n} wait, none done since {at}", n="4", at="2026-11-18T11:00:00+00:00")
    assert may not in text("progress_down", cause=stuck, likely=likely)


def test_advice_for_docker_is_by_why_it_cannot_be_checked() -> None:
    forbidden = Text("not allowed to talk to Docker: {text} (is the user in the group docker?)", text="EACCES")
    assert "sudo docker ps -a" in text("docker_unobserved", cause=forbidden)
    assert "docker ps" not in text("docker_unobserved", cause=Text("Docker did not answer in time: {text}", text="5 s"))
    assert "docker info" in text("docker_unobserved", cause="Docker cannot be reached")


def test_a_fault_that_began_after_the_one_of_the_message_is_not_its_cause() -> None:
    def line(type_: str, earliest: object, **details: object) -> str:
        also = {"also": ["Tokens"], "also_since": [[START + 30, "", "spent", earliest]]}
        found = [one for one in text(type_, **(also | details)).splitlines() if one.startswith("Also in fault")]
        return found[0].removeprefix("Also in fault now: ")

    later = "Tokens (since 11:07:10: spent; Tokens began {} after jobs, so it probably is not the cause)"
    assert line("agent_down", START) == later.format("30 s")
    assert line("agent_down", START - 1) == line("agent_down", None) == "Tokens (since 11:07:10: spent)"
    stuck = Text("{n} wait, none done since {at}", n="4", at="2026-11-18T11:00:00+00:00")
    assert line("progress_down", START - 1, cause=stuck) == later.format("7 min")


def several(**of: dict[str, object]) -> list[str]:
    """What a digest of faults with these details says of what to do."""
    alerts = [
        Alert(
            f"{name}/x",
            "agent_down",
            "high",
            f"{name} is down",
            name,
            START + 60,
            name,
            "",
            {"kind": "agent", **details},
        )
        for name, details in of.items()
    ]
    lines = messages.digest(alerts, "en", "UTC", [], id="d").text.splitlines()
    return lines[lines.index("What to do") + 1 :][: lines[lines.index("What to do") + 1 :].index("")]


def test_a_digest_says_once_what_is_to_be_done_for_several() -> None:
    full: dict[str, object] = {"host_fault": ["pi", "disk / full"]}
    checked, read = "Check that the agent's process is running.", "Read the agent's log"
    (same, *_) = several(a={}, b={})
    assert same == f"a, b: {checked}"
    first, *_ = several(a=full, b=full)
    assert first == "First: pi, disk / full"
    first, then, *rest = several(a=full, b=full, c={})
    assert (first, then) == ("a, b: First: pi, disk / full", f"a, b, c: {checked}") and rest[0].startswith(
        f"a, b, c: {read}"
    )


def test_a_digest_keeps_the_command_that_only_a_person_can_give() -> None:
    off, command = {"restarts": "by hand"}, "Restart the agent: heartbeat recover --component"
    assert several(a=off, b={})[1:] == [
        f"a: {command} a --force",
        "b: Read the agent's log from the time of the first failure on.",
    ]


def test_a_container_that_ended_while_nobody_saw_it_ended_when_docker_says_so() -> None:
    def line(status: str, at: str) -> str:
        pieces = {"Status": status, "StartedAt": "2026-11-17T00:00:00Z", "FinishedAt": at}
        evidence = {"container log": "gone", "container": container.summary(pieces)}
        found = text("docker_down", cause="x", unseen=[START - 240, START], evidence=evidence).splitlines()
        return next(one for one in found if one.startswith("Not seen between"))

    known = "Not seen between 11:02:40 and 11:06:40; by Docker's record it stopped at 11:03:07"
    assert line("exited", "2026-11-18T11:03:07.123456789Z") == known
    unknown = "Not seen between 11:02:40 and 11:06:40: it may have begun in that time"
    assert line("running", "2026-11-18T11:03:07Z") == unknown, "it runs again"
    assert line("exited", "2026-11-18T10:03:07Z") == line("exited", "soon") == unknown


def test_what_fails_still_after_its_parent_has_recovered_fails_by_itself() -> None:
    own = "jobs itself, which did not recover with Db; Db passes heartbeat's own check again since 11:07:10"
    assert own in text("agent_down", waited_for="Db", waited_until=START + 30)
    assert own not in text("agent_down", waited_for="Db"), "nobody knows whether it has"
