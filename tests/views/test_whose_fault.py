"""Whose fault a message says that it is: by what is known, and else that it is not known."""

import pytest

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.category import CATEGORIES
from heartbeat_cli.plugins import kinds
from heartbeat_cli.views import messages

START = 1_795_000_000.0  # 11:06:40 UTC


def whose(kind: str, type_: str = "", locale: str = "en", **details: object) -> str:
    base = {"started": START, "observer": "pi", "kind": kind, "name": "Jobs"}
    one = Alert("i/x", type_ or f"{kind}_down", "high", "Jobs", "jobs", START + 60, "i", "why", base | details)
    found = [
        line for line in messages.message(one, locale, "UTC", []).text.splitlines() if ": " in line or "：" in line
    ]
    begin = {"en": "Whose fault: ", "zh-HK": "問題所在："}[locale]
    return next((line.removeprefix(begin) for line in found if line.startswith(begin)), "")


@pytest.mark.parametrize("locale", ["en", "zh-HK"])
@pytest.mark.parametrize("kind", kinds("monitors"))
def test_every_fault_says_whose_it_is_or_that_it_is_not_known(kind: str, locale: str) -> None:
    for category in (*CATEGORIES, None):
        assert whose(kind, locale=locale, cause="x", category=category)
        assert "{" not in whose(kind, locale=locale, cause="x", category=category)


def test_what_the_check_got_tells_whose_fault_it_is() -> None:
    assert whose("agent", cause="HTTP 503: busy") == "Jobs itself; it answers, and reports an error"
    assert whose("agent", cause="HTTP 502: no backend").startswith("Jobs itself, or what it passes requests on to;")
    assert whose("tcp", cause="connection refused by db:5432").startswith("Jobs itself; its host is reached,")
    silent = whose("agent", cause="no answer within 5.0 s", unreached=True)
    assert silent.startswith("not known yet; Jobs itself, its host, or the network between pi and it. A ping")
    assert whose("agent", cause="no answer within 5.0 s", unreached=True, local=True) == "Jobs itself"


def test_hosts_that_reach_it_tell_that_the_network_of_the_others_is_at_fault() -> None:
    votes = [["a", "error", "no route", START], ["b", "healthy", "", START], ["c", "error", "no route", START]]
    assert (
        whose("agent", votes=votes, cause="no route") == "most likely the network between a, c and Jobs; b reaches it"
    )
    votes[2] = ["c", "unhealthy", "HTTP 500", START]
    assert whose("agent", votes=votes, cause="no route").startswith("Jobs itself, or the proxy before it; c gets")


def test_a_fault_of_the_host_comes_before_that_of_what_runs_on_it() -> None:
    said = whose("service", "recovery_failed", cause="failed", host_fault=["web1", "disk / 98 % full"])
    assert said == "most likely its host web1 (disk / 98 % full), not Jobs itself"


def test_what_a_provider_does_is_its_own_fault_and_a_refused_key_is_not() -> None:
    address = "https://key@api.example.com:443/v1"
    assert whose("llm", category="provider", address=address).startswith(
        "its provider (api.example.com), nothing here;"
    )
    assert whose("llm", category="credentials").startswith("the API key in [components.jobs] of heartbeat's")


def test_what_is_no_fault_of_a_component_names_none() -> None:
    assert whose("agent", "recovered") == whose("agent", "agent_slow") == whose("agent", "test") == ""
