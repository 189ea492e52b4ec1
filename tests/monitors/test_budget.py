"""Budgets over a real counter: what is spent, at what rate, and when all of it will be."""

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from heartbeat_cli.config import load
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.errors import ConfigError, Unobservable
from heartbeat_cli.monitors import budget
from heartbeat_cli.monitors._sources import JsonSource, Source
from tests.parts.http import Answer, Server, healthy_server

DAY = datetime(2026, 11, 28, tzinfo=ZoneInfo("Asia/Hong_Kong")).timestamp()
HOUR = 3600.0


def check(server: Server, spent: float, hour: float, before: Reading | None = None, **keys: Any) -> Reading:
    server.answer = Answer(200, b'{"usage": {"tokens": %r}}' % spent)
    settings = budget.Settings(
        Source(json=JsonSource(server.url, "usage.tokens")), **{"limit": 1000, "timezone": "Asia/Hong_Kong", **keys}
    )
    memory = before.memory if before else {}
    return budget.probe(settings, CheckContext("tokens", 5.0, DAY + hour * HOUR, memory))


def test_a_day_of_tokens() -> None:
    with healthy_server() as server:
        reading = check(server, 5000, 1, counts="tokens")
        assert (reading.status, reading.error) == ("healthy", None)
        assert reading.evidence == {"budget": "0 of 1000 tokens per day spent (0 %)"}

        reading = check(server, 5790, 11, reading, counts="tokens")
        assert reading.evidence["budget"] == (
            "790 of 1000 tokens per day spent (79 %), 79 per hour, all spent in 2 h 39 min at this rate"
        )
        reading = check(server, 5800, 21, reading, counts="tokens")
        assert (reading.status, reading.category) == ("degraded", "quota")
        # At this rate it lasts the day, so no time is named.
        assert reading.error == "800 of 1000 tokens per day spent (80 %), 40 per hour"
        assert {one.name: one.value for one in reading.metrics} == {
            "spent": 800,
            "spent_percent": 80,
            "spent_counter": 5800,
            "spent_per_hour": 40,
        }
        reading = check(server, 5999.9, 22, reading, counts="tokens")
        assert (reading.error or "").startswith("999.9 of 1000 tokens per day spent (99 %)")
        reading = check(server, 6000, 23, reading, counts="tokens")
        assert (reading.status, reading.category) == ("unhealthy", "quota")
        assert reading.error == "1000 of 1000 tokens per day spent (100 %), 45.5 per hour"

        reading = check(server, 6000, 24.5, reading, counts="tokens")
        assert (reading.status, reading.evidence["budget"]) == (
            "healthy",
            "0 of 1000 tokens per day spent (0 %), 0 per hour",
        )


def test_an_hour_of_dollars_and_a_reset() -> None:
    with healthy_server() as server:
        keys = {"limit": 2.5, "per": "hour", "counts": "USD", "warn": 50.0}
        first = check(server, 10, 5, None, **keys)
        second = check(server, 0.5, 5.25, first, **keys)
        assert second.status == "healthy"
        third = check(server, 1.75, 5.5, second, **keys)
        assert (third.status, third.error) == (
            "degraded",
            "1.25 of 2.5 USD per hour spent (50 %), 2.5 per hour",
        )
        fourth = check(server, 2.5, 5.75, third, **keys)
        assert fourth.error == "2 of 2.5 USD per hour spent (80 %), 2.67 per hour, all spent in 11 min at this rate"


def test_what_cannot_be_read_is_unknown() -> None:
    with healthy_server() as server, pytest.raises(Unobservable, match=r"^cannot read spent: usage.tokens is missing$"):
        server.answer = Answer(200, b"{}")
        settings = budget.Settings(Source(json=JsonSource(server.url, "usage.tokens")), 1)
        budget.probe(settings, CheckContext("tokens", 5.0, DAY))


def test_the_zone_of_this_host_is_the_default(tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("7")
    settings = budget.Settings(Source(command=("cat", str(count))), 1000)
    assert budget.problems(settings) == []
    reading = budget.probe(settings, CheckContext("tokens", 5.0, DAY))
    local = datetime.fromtimestamp(DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    assert reading.memory["window"] == local.timestamp()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("spent.command = ['a']", "limit: is required: a number"),
        ("limit = 5", "spent: is required: a table"),
        ("spent.command = ['a']\nlimit = 0", "limit: must be above 0, got 0"),
        ("spent = {}\nlimit = 5", "spent: expected one of json, prometheus, sql, redis, file, command; got none"),
        ("spent.command = ['a']\nlimit = 5\nwarn = 101", "warn: expected a percentage above 0, up to 100; got 101"),
        ("spent.command = ['a']\nlimit = 5\nper = 'week'", 'per: expected one of hour, day, got "week"'),
        (
            "spent.command = ['a']\nlimit = 5\ntimezone = 'Mars'",
            "timezone: no such time zone: 'Mars' (as in Asia/Hong_Kong, UTC)",
        ),
        (
            "spent.command = ['a']\nlimit = 5\ntimezone = '../x'",
            "timezone: no such time zone: '../x' (as in Asia/Hong_Kong, UTC)",
        ),
    ],
)
def test_mistakes(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load.load(tomllib.loads(f"[components.x]\nkind = 'budget'\n{text}"), "f")
    assert raised.value.problems[0] == f"f: components.x.{line}"
