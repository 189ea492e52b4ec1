"""Alerts as messages: what the reader needs stands in them, in both languages, and nothing that does harm."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli import plugins
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.alerting.telegram_text import fit
from heartbeat_cli.views import digest, facts, messages, voice
from heartbeat_cli.views.titles import TITLES
from heartbeat_cli.views.wording import recommendations

ZONE, START = "Asia/Hong_Kong", 1_795_000_000.0  # 19:06:40 there
SECRET = "hunter2-hunter2"


LOCALES = ("en", "zh-HK")


def alert(type_: str = "agent_down", severity: Any = "high", after: float = 95.0, **details: Any) -> Alert:
    base = {"cause": "connection refused by localhost:8000", "started": START, "kind": "agent", "observer": "pi"}
    reason = "3 failing checks in a row (threshold 3)"
    title = TITLES.get(type_, "{name} is down").replace("{name}", "Main Agent")
    return Alert(f"i/{type_}", type_, severity, title, "main", START + after, "i", reason, base | details)


def made(one: Alert, locale: str = "en", **more: Any) -> Message:
    return messages.message(one, locale, ZONE, [SECRET], **more)


def test_who_is_woken_reads_first_what_broke_and_since_when_then_why_then_what_to_do() -> None:
    found = made(
        alert(
            evidence={"http": "no HTTP answer from http://localhost:8000/health", "body": "a\nb"},
            recovery="next: step 1 of 2: systemd restart of openclaw-main",
            held=["chat", "web"],
        )
    )
    assert (found.title, found.label, found.thread) == ("Main Agent is down", "severity: high", "i")
    assert found.html.splitlines() == [
        "<b>🔴 [pi] Main Agent is down</b> (since 19:06:40)",
        "",
        "<b>connection refused by localhost:8000</b>",
        "Whose fault: main itself; its host is reached, but nothing listens on that port",
        "Affected by it: chat, web",
        "",
        "<b>Recovery</b>",
        "Next: step 1 of 2: systemd restart of openclaw-main",
        "",
        "<b>What to do</b>",
        *[f"{n}. {line}" for n, line in enumerate(recommendations("agent", "main", "main", "en"), 1)],
        "",
        "Acknowledge: <code>heartbeat ack main</code>",
        "No messages for an hour: <code>heartbeat silence main --for 60</code>",
        "",
        "<b>http</b>",
        "<pre>no HTTP answer from http://localhost:8000/health</pre>",
        "<b>body</b>",
        "<pre>a",
        "b</pre>",
        "",
        "<i>main · severity: high · seen by pi · 2026-11-18 19:08:15 Asia/Hong_Kong</i>",
        "<i>Why this message: 3 failing checks in a row (threshold 3)</i>",
    ]
    plain = unescape(re.sub(r"</?\w+>", "", found.html))
    assert found.text == plain.removeprefix("🔴 [pi] Main Agent is down").strip()


def test_the_end_says_how_long_it_was_and_what_healed_it_and_is_not_grave() -> None:
    tried = [["systemd", "failed", "no such unit"], ["script", "done", "restart_main.sh ended with exit code 0"]]
    over = made(alert("recovered", after=430, attempts=tried))
    assert over.html.startswith(
        "<b>🟢 [pi] Main Agent has recovered</b> after 7 min\n\nHealed by: heartbeat, with script: "
    )
    assert "It was: connection refused" in over.text and "high" not in over.text and over.label == "resolved"
    assert "What to do" not in over.text and "1. systemd: failed - no such unit" in over.text
    assert "It came back by itself." in made(alert("recovered")).text


def test_what_waits_for_a_word_says_for_which() -> None:
    assert "<code>heartbeat recover --component main</code>" in made(alert(ask=True)).html


def test_a_message_about_a_fault_has_the_commands_that_answer_it_and_no_other_has() -> None:
    odd = made(alert()._replace(component="a b"))
    assert "heartbeat ack 'a b'" in odd.text and "heartbeat silence 'a b' --for 60" in odd.text
    for kind in ("reminder", "escalated", "recovery_failed"):
        assert "heartbeat ack main" in made(alert(kind)).text
    for kind in ("recovered", "agent_slow", "missed_runs", "test"):
        assert "heartbeat ack" not in made(alert(kind, text="words")).text


def test_a_digest_has_the_commands_for_what_lasts_unless_that_is_much() -> None:
    def some(count: int) -> list[Alert]:
        return [alert()._replace(id=f"i{n}/agent_down", incident=f"i{n}", component=f"c{n}") for n in range(count)]

    over = alert("recovered")._replace(id="i0/recovered", incident="i0", component="c0")
    few = messages.digest([*some(3), over], "en", ZONE, [], id="d").html
    assert "<code>heartbeat ack c1 c2</code>" in few and few.count("<code>heartbeat silence ") == 2
    assert "heartbeat ack" not in messages.digest(some(6), "en", ZONE, [], id="d").html


def test_a_start_on_another_day_bears_its_date() -> None:
    assert " (since 2026-11-18 19:06, for 1 d 1 h)\n" in made(alert("reminder", after=90_000)).html


def test_the_newest_look_of_a_reminder_is_told_where_it_says_something_else() -> None:
    assert "Now: HTTP 503" in made(alert("reminder", last=["unhealthy", "HTTP 503"])).text
    assert "Now:" not in made(alert("reminder", last=["error", "connection refused by localhost:8000"])).text


KINDS = plugins.kinds("monitors")
TYPES = [
    *(f"{kind}_{what}" for kind in KINDS for what in ("down", "slow", "degraded")),
    *(
        "degraded_ended",
        "recovered",
        "recovery_failed",
        "recovery_denied",
        "recovery_braked",
        "recovery_held",
        "reminder",
        "escalated",
    ),
    *("missed_runs", "observer_blind", "observer_sees", "observer_silent", "store_unreachable", "store_restored"),
    *("store_went_back", "observer_back", "unconfirmed", "unconfirmed_ended", "lock_held", "lock_free"),
    *("clock_suspect", "buttons_off"),
    *("report", "test", "button"),
]


@pytest.mark.parametrize("type_", TYPES)
def test_every_type_has_its_words_in_both_languages(type_: str) -> None:
    kind = type_.partition("_")[0]
    more = {"text": "words"} if type_ in ("report", "test", "button") else {}
    one = alert(type_, kind=kind if kind in KINDS else "agent", **more)
    english, chinese = (made(one, locale) for locale in LOCALES)
    assert "{" not in english.text + chinese.text and english.text != chinese.text
    words = re.sub(
        r"Main Agent|Asia/Hong_Kong|localhost:8000|openclaw-main|PostgreSQL|[a-z]+ is down", "", chinese.text
    )
    assert not re.search(r"\b(the|is|was|since|what|why|seen)\b", words, re.I), words
    if not type_.endswith(("_ended", "recovered", "_sees", "_back", "_restored", "_free", "report", "test", "button")):
        assert "What to do\n1. " in english.text and "建議處理方法\n1. " in chinese.text


@pytest.mark.parametrize("locale", LOCALES)
def test_a_digest_tells_what_began_worst_first_and_then_what_ended(locale: str) -> None:
    down = alert("agent_down", held=["chat"], in_fault=3, watched=9, name="Main Agent")._replace(
        title="Main Agent is down"
    )
    db = alert("database_down", "severe", 99, kind="database", name="DB")._replace(title="DB is down", id="d")
    over = alert("recovered", after=99, name="Web")._replace(title="Web has recovered", incident="web@1")
    found = messages.digest([over, down, db], locale, ZONE, [], id="d-1", remark="a remark")
    assert (found.id, found.severity, found.thread, found.type) == ("d-1", "severe", None, "digest")
    heads = [line for line in found.text.splitlines() if line[:1] in ("🔴", "🟡", "🟢")]
    assert [re.sub(r"( \(since|（| after).*", "", line) for line in heads] == [
        "🔴 DB is down",
        "🔴 Main Agent is down",
        "🟢 Web has recovered",
    ]
    assert (
        found.title
        == {
            "en": "DB and Main Agent down; Web recovered",
            "zh-HK": "DB、Main Agent：已停止正常運作；Web：已恢復正常",
        }[locale]
    )
    assert "chat" in found.text and found.text.endswith("a remark")


def test_a_digest_of_one_is_the_message_and_one_of_ends_is_good_news() -> None:
    assert messages.digest([alert()], "en", ZONE, [], id="d") == made(alert())._replace(id="d")
    ends = [alert("recovered", was="Main Agent is down"), alert("degraded_ended")._replace(incident=None)]
    found = messages.digest(ends, "en", ZONE, [], id="d")
    assert (found.title, found.severity, found.label) == ("main recovered; main back to normal", "low", "resolved")
    assert found.html.startswith("<b>🟢 [pi] main recovered; main back to normal</b>")


@pytest.mark.parametrize("count", [2, 9, 30, 120, 300])
def test_a_digest_loses_evidence_before_advice_before_causes_and_never_a_name(count: int) -> None:
    evidence = {"body": "x" * 2_000, "http": "y" * 500}
    many = [
        alert(severity="severe", cause=f"cause {n} " + "c" * 300, evidence=evidence)._replace(
            id=f"i{n}/agent_down", title=f"Agent {n:03} is down"
        )
        for n in range(count)
    ]
    parts = fit(messages.digest(many, "en", ZONE, [], id="d").html)
    shown = "".join(part.plain for part in parts)
    assert all(f"Agent {n:03} is down" in shown for n in range(count))
    assert len(parts) == 1 or count == 300
    assert ("x" * 100 in shown) == (count == 2) and ("What to do" in shown) == (count <= 9)


def test_the_end_of_a_log_is_whole_in_a_message_and_four_logs_are_shortened_before_they_are_left_out() -> None:
    """What the log ends with is why it fell. Four of a thousand characters are more than a message holds."""
    log = "\n".join(f"{n:02} {'x' * 96}" for n in range(10))
    one = alert("docker_down", evidence={"container": "y" * 150, "container log": log})
    assert log in made(one).text
    shown = messages.digest([one, one._replace(id="2")], "en", ZONE, [], id="d").text
    assert log in shown
    shown = messages.digest([one._replace(id=f"{n}") for n in range(4)], "en", ZONE, [], id="d").text
    assert log not in shown and shown.count("00 xxx") == 4


OWN = {
    "a type": ("alert.agent_down.en.j2", "<b>{{ title }}!</b> call Ann: {{ cause }}"),
    "a family": ("alert.down.en.j2", "<b>{{ title }}!</b> call Ann: {{ cause }}"),
    "everything": ("alert.en.j2", "<b>{{ title }}!</b> call Ann: {{ cause }}"),
}


@pytest.mark.parametrize("name", OWN)
def test_one_file_rewords_a_message_title_and_all(name: str, tmp_path: Path) -> None:
    file, text = OWN[name]
    (tmp_path / file).write_text(text)
    found = made(alert(cause="<i>1 & 2"), own=str(tmp_path))
    assert (found.title, found.text) == ("Main Agent is down!", "call Ann: <i>1 & 2")
    assert found.html == "<b>Main Agent is down!</b> call Ann: &lt;i&gt;1 &amp; 2"
    assert made(alert(), "zh-HK", own=str(tmp_path)) == made(alert(), "zh-HK")


def test_a_block_of_a_template_can_be_replaced_alone(tmp_path: Path) -> None:
    text = '{% extends "alert.en.j2" %}{% block advice %}Call Ann.{% endblock %}'
    (tmp_path / "alert.down.en.j2").write_text(text)
    found = made(alert(), own=str(tmp_path))
    assert "Call Ann." in found.text and "What to do" not in found.text and "connection refused" in found.text


@pytest.mark.parametrize(
    "broken",
    ["{% if %}", "{{ nobody }}", "{{ title.x.y }}", "{% extends 'nobody.j2' %}", "  \n", "{{ 1 / 0 }}", b"\xff\xfe"],
)
def test_a_broken_template_loses_no_message_and_is_named_in_it(broken: str | bytes, tmp_path: Path) -> None:
    file = tmp_path / "alert.agent_down.en.j2"
    file.write_bytes(broken if isinstance(broken, bytes) else broken.encode())
    found, plain = made(alert(), own=str(tmp_path), remark="sent by mail"), made(alert())
    assert found.title == plain.title and found.text.startswith(plain.text)
    assert "sent by mail" in found.text and "template" in found.text.removeprefix(plain.text)


def test_what_is_past_is_marked_as_no_present_fault() -> None:
    assert made(alert("missed_runs", "medium")).html.startswith("<b>🟡")
    assert made(alert("clock_suspect", "medium")).html.startswith("<b>🔴")


def test_a_remark_is_the_last_line() -> None:
    assert made(alert(), remark="tg is <down>").html.endswith("\n<i>tg is &lt;down&gt;</i>")


def test_the_manual_names_everything_a_template_may_use() -> None:
    manual = (Path(__file__).parents[2] / "docs/recipes/reword-messages.md").read_text()
    spoken = voice.Voice("en", ZONE, (), START)
    values = facts.of_alert(alert(), spoken)
    several = digest.of_digest([alert()], {alert().id: values}, spoken, digest.DETAILS[0])
    named = set(re.findall(r"`(\w+)`", manual))
    assert {*values, *several, *several["begun"][0]} - named == set()


@pytest.mark.parametrize(("locale", "network"), [("en", "between pi and the agent"), ("zh-HK", "檢查 pi 與 Agent")])
def test_the_advice_is_about_this_component_and_this_host(locale: str, network: str) -> None:
    def advice(**details: Any) -> str:
        return made(alert(**details), locale).text

    assert "openclaw-main" not in advice() and "{restart}" not in advice() and network in advice(unreached=True)
    assert network not in advice(), "what answered was reached"
    assert "docker restart shop-1" in (found := advice(restart="docker restart shop-1")) and "openclaw-" not in found
    assert network not in advice(unreached=True, local=True)
    votes = [["web1", "unhealthy", "HTTP 502", START], ["pi", "error", "no connection", START]]
    assert network in advice(votes=votes, observer="web1") and "between web1" not in advice(votes=votes)
    silent = alert("observer_silent", kind="observer")._replace(component="web2{target}")
    assert "heartbeat observers --forget 'web2{target}'" in made(silent, locale).text


@pytest.mark.parametrize("kind", ["agent", "docker", "sql", "log", "dns"])
def test_a_failure_of_the_process_has_the_advice_of_its_kind(kind: str) -> None:
    """There is a kind of that name, too, with advice of its own."""
    text = made(alert(f"{kind}_down", kind=kind, category="process"), "en").text
    assert "What to do\n1. " in text and "ps -e -o" not in text


@pytest.mark.parametrize(
    ("locale", "lines"),
    [
        ("en", ("web3 still sees it fail: boom", "web4 could not look: no route", "docker on web1: restarted shop")),
        ("zh-HK", ("web3 仍偵測到故障：boom", "web4 未能檢查：no route", "docker（web1）。結果：restarted shop")),
    ],
)
def test_an_end_says_who_does_not_agree_and_which_host_healed_it(locale: str, lines: tuple[str, ...]) -> None:
    votes = [["web1", "healthy", ""], ["web3", "error", "boom"], ["web4", "unknown", "no route"]]
    tried = [["docker", "done", "restarted shop", "web1"]]
    over = alert("recovered", "low", votes=votes, attempts=tried, ended=START + 95)
    text = made(over, locale).text
    assert [line for line in lines if line not in text] == [] and "web1 healthy" not in text
    digest = messages.digest([alert(), over._replace(incident="j")], locale, ZONE, [SECRET], id="d").text
    assert lines[0] in digest
    alone = made(alert("recovered", "low", votes=votes[:1], attempts=[tried[0][:3]], ended=START + 95), locale).text
    assert "web1" not in alone
