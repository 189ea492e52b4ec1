"""Which channels take what, and when."""

from datetime import UTC

import pytest

from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.domain.alerting.routing import audience, may_wait, reminder_distance, split, takes, waits_until
from heartbeat_cli.domain.component import Common, Component

MAIN = Component("main", "agent", None)
DB = Component("db-1", "database", None)
HOUR = 3600.0


@pytest.mark.parametrize(
    ("severity", "lowest", "taken"),
    [("low", "low", True), ("low", "medium", False), ("high", "high", True),
     ("high", "severe", False), ("severe", "low", True)],
)  # fmt: skip
def test_severities(severity: str, lowest: str, taken: bool) -> None:
    assert takes(ChannelCommon(min_severity=lowest), severity, MAIN) is taken  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "taken"),
    [(None, [True, True]), ((), [False, False]), (("main",), [True, False]), (("database",), [False, True]),
     (("db-*",), [False, True]), (("main", "d*"), [True, True]), (("nobody",), [False, False])],
)  # fmt: skip
def test_components(names: tuple[str, ...] | None, taken: list[bool]) -> None:
    channel = ChannelCommon(components=names)
    assert [takes(channel, "high", one) for one in (MAIN, DB)] == taken
    assert takes(channel, "high", None), "what is about the host that looks is about everything"


def test_both_the_component_and_the_channel_have_a_say() -> None:
    channels = {
        "all": ChannelCommon(),
        "grave": ChannelCommon(min_severity="severe"),
        "dbs": ChannelCommon(components=("db-*",)),
    }
    assert audience(channels, "high", MAIN) == ["all"]
    assert audience(channels, "severe", DB) == ["all", "grave", "dbs"]
    picky = MAIN._replace(common=Common(channels=("dbs", "grave", "gone")))
    assert audience(channels, "severe", picky) == ["grave"]
    assert audience(channels, "severe", MAIN._replace(common=Common(channels=()))) == []
    assert audience(channels, "high", None) == ["all", "dbs"]


def test_at_once_or_after_a_while() -> None:
    channels = {
        "now": ChannelCommon(),
        "pager": ChannelCommon(escalate_after=900.0),
        "boss": ChannelCommon(escalate_after=0.0),
    }
    assert split(channels, ["now", "pager", "boss"]) == (["now"], {"pager": 900.0, "boss": 0.0})


def test_what_may_wait_waits_until_the_quiet_is_over() -> None:
    channel = ChannelCommon(quiet_hours="22:00-07:00")
    assert [may_wait(channel, one) for one in ("low", "medium", "high", "severe")] == [True, True, False, False]  # type: ignore[arg-type]
    assert not may_wait(ChannelCommon(), "low")
    assert waits_until(channel, "medium", 23 * HOUR, UTC) == 31 * HOUR
    assert waits_until(channel, "high", 23 * HOUR, UTC) is None
    assert waits_until(channel, "low", 12 * HOUR, UTC) is None
    assert waits_until(ChannelCommon(), "low", 23 * HOUR, UTC) is None


def test_reminders_grow_apart_to_a_day() -> None:
    assert [reminder_distance(4 * HOUR, made) / HOUR for made in range(6)] == [4, 8, 16, 24, 24, 24]
    assert reminder_distance(48 * HOUR, 3) == 48 * HOUR, "who wants them rarer gets them rarer"
    assert reminder_distance(1.0, 10_000) == 86_400.0
