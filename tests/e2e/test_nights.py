"""What the messages of `scripts/nights` answer: in both languages, by both channels, and without a riddle."""

import re
from functools import cache
from pathlib import Path

from tests.parts import nights


def test_a_night_is_written_with_its_answers(tmp_path: Path) -> None:
    nights.write(tmp_path, {7: nights.STORIES[6]})
    key = (tmp_path / "key/night-07.md").read_text(encoding="utf-8")
    since = re.findall(r"\d\d:\d\d:\d\d", key)
    for locale in nights.LANGUAGES:
        told = (tmp_path / f"night-07.{locale}.txt").read_text(encoding="utf-8")
        assert "Telegram, chat of ops" in told and "Mail to ops@example.org" in told
        assert "PostgreSQL" in told and since[0] in told


@cache
def night(number: int, locale: str = "en") -> tuple[str, ...]:
    """The Telegram messages of a night."""
    told = nights.play(nights.STORIES[number - 1], locale)
    return tuple(one.text for one in told.messages if "Telegram" in one.head)


def test_components_have_the_names_of_the_titles_wherever_they_are_named() -> None:
    down, back, worker, _ = night(7)
    assert all(1 <= len(night(number)) <= 4 for number in (1, 2, 3, 5, 6, 7, 8, 10))
    assert "Affected by it: Main Agent, Chat Assistant, Worker" in down
    assert "Not well yet: Worker" in back
    assert "No message until now, because this was in fault: PostgreSQL" in worker
    digest = night(3)[1]
    assert "\nQueue: Read what the failed steps above say" in digest and "\nQueue: journal" in digest
    assert "Nobody checks these now: Backup of hk-3" in night(8)[1]
    assert "\nAlso in fault now: agents-1\n" in digest


def test_evidence_of_ours_is_in_the_readers_language() -> None:
    assert "\nHTTP 503：http://localhost:8000/health（" in night(1, "zh-HK")[0]


def test_no_command_is_advised_that_there_is_no_reason_to_believe_in() -> None:
    """Nobody said that a unit is behind a provider's API, or on this host behind another one's agent."""
    assert "[components.openai]" in night(6)[1] and "refused" in night(6)[1]
    assert "openclaw-openai" not in "".join(night(6)) and "openclaw-shop" not in "".join(night(8))


def test_what_only_a_person_could_mend_has_not_come_back_by_itself() -> None:
    assert "Healed by: not heartbeat; probably a person, who had been asked to" in night(6)[2]
    assert "It came back by itself." in night(2)[1]


def test_why_it_is_left_alone_stands_once_and_in_local_time() -> None:
    down, held, back = night(4)
    assert re.search(
        r"\nHeld: \S+ was stopped on request at 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d, ended by SIGKILL",
        held,
    )
    assert held.count("stopped on request at") == 1 and "Why this message" not in held
    assert "probably a person" in back
    assert "stopped on request at" in down and "Next: " not in down and "docker restart" not in down


def test_a_budget_and_a_queue_are_not_down() -> None:
    tokens, jobs, escalated, reminder = night(10)
    assert tokens.startswith("🔴 [agents-1] Token budget is used up")
    assert "raise `limit` in [components.tokens]" in tokens
    assert jobs.startswith("🔴 [agents-1] Job queue makes no progress")
    assert escalated.startswith("🔴 [agents-1] Job queue is in fault, and nobody has acknowledged it")
    assert reminder.startswith("🔴 [agents-1] Job queue is still in fault")


def test_what_every_host_sees_is_said_of_every_host() -> None:
    down, *_ = night(8)
    assert re.search(r"\nSeen from hk-1 at \S+: error: no connection to shop.example.org:8000", down)
    assert re.search(r"\nSeen from hk-2 at \S+: unhealthy: HTTP 502", down)
    assert "\nSeen from hk-3 at 03:02:30: healthy" in down
    assert "between hk-1 and the agent's address" in down
