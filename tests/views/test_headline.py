"""Headlines: the machine, the components, and what happened, as somebody reads them in a list of mails."""

from typing import Any

import pytest

from heartbeat_cli.domain.alerting.alert import Alert, with_outcome
from heartbeat_cli.domain.component import Common, Component
from heartbeat_cli.views import messages, wording

NOW = 1_795_000_000.0


def alert(type_: str, name: str, **details: Any) -> Alert:
    kind, _, what = type_.rpartition("_")
    title = {"down": f"{name} is down", "slow": f"{name} answers too slowly"}.get(what, f"{name} has recovered")
    base = {"name": name, "kind": details.pop("kind", kind), "observer": "agents-1", "started": NOW - 60, "cause": "x"}
    about = f"{name}@1"
    return Alert(f"{about}/{type_}", type_, "high", title, name.lower(), NOW, about, "why", base | details)


def subject(*alerts: Alert, locale: str = "en") -> str:
    return messages.digest(list(alerts), locale, "UTC", [], id="d").subject


def downs(*names: str) -> list[Alert]:
    return [alert("agent_down", name) for name in names]


def ends(*names: str, **details: Any) -> list[Alert]:
    return [alert("recovered", name, was=f"{name} is down", kind="agent", **details) for name in names]


@pytest.mark.parametrize(
    ("alerts", "expected"),
    [
        (downs("db"), "[agents-1] db is down"),
        (downs("db", "Worker"), "[agents-1] db and Worker down"),
        (downs("db", "Worker", "Chat"), "[agents-1] db, Worker and 1 more down"),
        (ends("db"), "[agents-1] Resolved: db (was down)"),
        (ends("db", "Worker", "Chat"), "[agents-1] Resolved: db, Worker and 1 more (was down)"),
        (downs("db") + ends("Worker"), "[agents-1] db down; Worker recovered"),
        (
            [*downs("db", "Worker"), alert("agent_slow", "Chat")],
            "[agents-1] db and Worker down; Chat answers too slowly",
        ),
        ([alert("host_down", "pi"), *downs("db")], "[agents-1] pi is down; db down"),
        ([*downs("db"), alert("agent_down", "Worker", observer="b")], "[agents-1 and b] db and Worker down"),
        (
            [alert("reminder", "db", kind="agent"), alert("reminder", "Chat", kind="agent")],
            "[agents-1] db and Chat still in fault",
        ),
    ],
)
def test_a_subject_names_machine_and_components(alerts: list[Alert], expected: str) -> None:
    assert subject(*alerts) == expected


def test_ends_say_how_many_are_left_in_words() -> None:
    def title(**details: Any) -> str:
        return messages.digest(ends("db", "Chat", **details), "en", "UTC", [], id="d").title

    assert title(in_fault=1, watched=13) == "db and Chat recovered; still in fault: 1 of 13 components"
    assert title(in_fault=0, watched=13) == "db and Chat recovered; nothing is in fault any more"


def test_a_message_says_how_many_are_in_fault_where_that_is_more_than_it_tells() -> None:
    two = [one._replace(details={**one.details, "in_fault": 5, "watched": 9}) for one in downs("db", "Chat")]
    assert "In fault now: 5 of 9 components" in messages.digest(two, "en", "UTC", [], id="d").text
    two = [one._replace(details={**one.details, "in_fault": 2}) for one in two]
    assert "In fault now" not in messages.digest(two, "en", "UTC", [], id="d").text


def test_what_is_over_before_it_could_be_sent_has_the_words_of_its_beginning() -> None:
    assert subject(*downs("db"), *ends("db")) == "[agents-1] Resolved: db (was down), from 11:05:40 to 11:06:40"


HANDOFFS = {
    "recovery_failed": "db is down: recovery failed, a person is needed",
    "recovery_denied": "db is down: heartbeat is not permitted to restart it",
    "recovery_held": "db is down: it is not restarted, a person must decide",
}


@pytest.mark.parametrize("kind", HANDOFFS)
def test_a_fault_and_what_recovery_came_to_are_one(kind: str) -> None:
    (down,) = downs("db")
    handed = alert(kind, "db", attempts=[["docker", "failed", "no such container"]], kind="agent")
    handed = handed._replace(at=NOW + 1, reason="all 2 steps were tried")
    one = messages.digest([down, handed], "en", "UTC", [], id="d")
    assert (one.title, one.type, one.thread, one.id) == (HANDOFFS[kind], "agent_down", "db@1", "d")
    assert one.subject == f"[agents-1] {HANDOFFS[kind]}"
    assert "1. docker: failed - no such container\nAll 2 steps were tried\n" in one.text
    several = messages.digest([down, handed, *downs("Chat")], "en", "UTC", [], id="d")
    assert several.title == "db in fault, a person is needed; Chat down"
    assert several.text.count("db is down") == 1 and "↳ Tried: docker: failed - no such container" in several.text
    assert with_outcome([handed]) == [handed] and with_outcome([down, *downs("Chat")]) == [down, *downs("Chat")]


BY = {
    "heartbeat": ("Healed by: heartbeat, with docker: restarted shop", {}),
    "person": ("Healed by: a person's heartbeat recover, with docker: restarted shop", {}),
    "acknowledged": ("Healed by: probably kim, who had acknowledged it", {"name": "kim"}),
    "given_up": (
        "Healed by: not heartbeat; probably a person (after the message of 2027-01-15 08:00) or a job",
        {"at": 1_800_000_000.0},
    ),
    "itself": ("It came back by itself.", {}),
}


@pytest.mark.parametrize("who", BY)
def test_an_end_says_who_healed_it_alone_and_among_others(who: str) -> None:
    said, more = BY[who]
    found = {"healed_by": {"who": who, **more}, "attempts": [["docker", "done", "restarted shop"]]}
    (end,) = ends("db", **found)
    assert said in messages.message(end, "en", "UTC", []).text
    assert f"🟢 db has recovered after 1 min\n↳ {said}\n" in text(end, *ends("Chat"))


def text(*alerts: Alert) -> str:
    return messages.digest(list(alerts), "en", "UTC", [], id="d").text


def test_what_is_not_down_is_not_called_down() -> None:
    def title(category: str) -> str:
        component = Component("db", "agent", None, Common(name="db"))
        return wording.title("agent_down", component, "en", category)

    assert title("process") == "db is down" and title("provider") == "db is down"
    assert title("credentials") == "db: an API key or login is refused"
    assert title("configuration") == "db: something is configured wrongly"
    own = title("certificate")
    assert own == "db: a TLS certificate has expired"
    end = ends("db")[0]
    details = {**end.details, "category": "certificate", "cause": "x", "was": own}
    assert subject(end._replace(details=details)) == "[agents-1] Resolved: db (was: a TLS certificate has expired)"


def test_tries_that_came_to_the_same_are_one_line() -> None:
    (down,) = downs("db")
    tried = [["postgres", "failed", "no slot"]] * 3 + [["script", "done", "x"]]
    said = text(down._replace(details={**down.details, "attempts": tried, "also": ["Disk"]}))
    assert "1. postgres: failed, 3 times - no slot\n2. script: done - x\n" in said
    assert "Also in fault now: Disk" in said


VOTES = [["hk-1", "error", "no", NOW], ["hk-2", "unhealthy", "no", NOW], ["hk-3", "healthy", "", NOW]]


def test_what_several_hosts_reach_is_on_none_of_them_and_what_each_has_is_where_it_fails() -> None:
    assert subject(alert("agent_down", "Shop", votes=VOTES)) == "Shop is down"
    assert subject(alert("recovered", "Shop", votes=VOTES[2:], was="Shop is down")) == "Resolved: Shop (was down)"
    assert subject(alert("agent_down", "App", votes=VOTES, local=True)) == "[hk-1 and hk-2] App is down"
    silent = alert("observer_silent", "hk-3", kind="observer", observer="hk-1")
    made = messages.digest([silent], "en", "UTC", [], id="d")
    assert made.subject.startswith("hk-3 ") and "hk-3 · severity: high · sent by hk-1" in made.text


def test_an_end_that_comes_with_an_answer_says_the_end_alone() -> None:
    both = [alert("acknowledged", "db"), *ends("db")]
    assert subject(*both) == "[agents-1] Resolved: db (was down)"


@pytest.mark.parametrize("votes", [5, True, "host", {"a": 1}, None, [5, "x", ["a"]]])
def test_votes_of_another_host_may_be_anything(votes: Any) -> None:
    assert subject(alert("agent_down", "Main", votes=votes)) == "[agents-1] Main is down"
