"""Five fields of cron on a wall clock that skips and repeats hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.alerting.schedule import epoch, last_start, next_start, parse

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Hong_Kong", "America/Santiago", "UTC")
DAY = 86_400.0


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def starts(text: str, since: str, count: int, zone: str = "UTC") -> list[str]:
    """The next beginnings, in local time with its offset."""
    found, at = [], utc(since)
    for _ in range(count):
        start = next_start(parse(text), at, ZoneInfo(zone))
        assert start is not None
        found.append(datetime.fromtimestamp(start, ZoneInfo(zone)).isoformat(timespec="minutes"))
        at = start
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 2 * * sun", ["2026-11-29T02:30", "2026-12-06T02:30"]),
        ("30 2 * * 7", ["2026-11-29T02:30", "2026-12-06T02:30"]),
        ("0 22 * * mon-fri", ["2026-11-24T22:00", "2026-11-25T22:00"]),
        ("0 22 * * fri-sun", ["2026-11-27T22:00", "2026-11-28T22:00", "2026-11-29T22:00", "2026-12-04T22:00"]),
        ("*/20 23 * * *", ["2026-11-24T23:00", "2026-11-24T23:20", "2026-11-24T23:40", "2026-11-25T23:00"]),
        ("5-59/25 0 1 jan,JUL *", ["2027-01-01T00:05", "2027-01-01T00:30", "2027-01-01T00:55", "2027-07-01T00:05"]),
        ("0 0 29 feb *", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("0 0 1 * mon", ["2026-11-30T00:00", "2026-12-01T00:00", "2026-12-07T00:00"]),  # crontab(5): either is enough
        ("0 0 1-7 * */7", ["2026-12-06T00:00", "2027-01-03T00:00"]),  # `*` in one: both must fit, the first Sunday
        ("15 6/8 * * *", ["2026-11-24T14:15", "2026-11-24T22:15", "2026-11-25T06:15"]),
    ],
)  # fmt: skip
def test_when_it_begins(text: str, expected: list[str]) -> None:
    assert starts(text, "2026-11-24T12:00", len(expected)) == [f"{one}+00:00" for one in expected]


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("30 2 * *", "expected five fields (minute hour day month weekday), got 4"),
        ("60 2 * * *", "minute: expected 0 to 59, got '60'"),
        ("0 24 * * *", "hour: expected 0 to 23, got '24'"),
        ("0 0 0 * *", "day of the month: expected 1 to 31, got '0'"),
        ("0 0 * foo *", "month: expected 1 to 12, got 'foo'"),
        ("0 0 * * 8", "day of the week: expected 0 to 7, got '8'"),
        ("0 0 * * fri-tue", "day of the week: 'fri-tue' goes backwards"),
        ("*/0 0 * * *", "minute: '*/0': expected a step as in */15"),
        ("1-x 0 * * *", "minute: expected 0 to 59, got 'x'"),
        (", 0 * * *", "minute: expected 0 to 59, got ''"),
        ("٣ 0 * * *", "minute: expected 0 to 59, got '٣'"),
        ("9" * 5000 + " 0 * * *", "minute: expected 0 to 59, got '" + "9" * 5000 + "'"),
    ],
)
def test_what_is_no_schedule(text: str, trouble: str) -> None:
    with pytest.raises(ValueError, match=r"^.*$") as caught:
        parse(text)
    assert str(caught.value) == trouble


def test_a_day_that_never_comes() -> None:
    assert not parse("0 0 30 feb *").possible and not parse("0 0 31 4,6 *").possible
    assert parse("0 0 29 feb *").possible and parse("0 0 30 feb sun").possible
    assert parse("0 0 31 4,5 *").possible and parse("0 0 29-31 feb *").possible, "one day of one month is enough"
    assert next_start(parse("0 0 30 feb *"), 0.0, UTC) is None


@pytest.mark.parametrize(
    ("zone", "local", "expected"),
    [
        ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00"),  # 02:00 to 03:00 is not there: 03:00+02:00
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30"),  # twice: the first, +02:00
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T07:00"),
        ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30"),  # half an hour only: 02:30+11:00
        ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45"),
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00"),  # a whole day was left out: 2011-12-31T00:00+14:00
        ("Asia/Hong_Kong", "2026-03-29T02:30", "2026-03-28T18:30"),
    ],
)
def test_a_local_time_is_one_moment(zone: str, local: str, expected: str) -> None:
    assert epoch(datetime.fromisoformat(local), ZoneInfo(zone)) == utc(expected)


locals_ = st.datetimes(datetime(2000, 1, 1), datetime(2037, 12, 31)).map(lambda at: at.replace(second=0, microsecond=0))


@given(locals_, st.sampled_from(ZONES))
def test_a_moment_shows_its_local_time_or_the_first_one_after_it(local: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    at = epoch(local, zone)
    shown = datetime.fromtimestamp(at, zone).replace(tzinfo=None)
    assert shown >= local
    before = datetime.fromtimestamp(at - 1, zone).replace(tzinfo=None)
    assert before < local, "no earlier moment shows it, or is later than it"


@given(locals_, st.timedeltas(timedelta(), timedelta(days=2)), st.sampled_from(ZONES))
def test_later_local_times_are_never_earlier_moments(local: datetime, more: timedelta, name: str) -> None:
    assert epoch(local, ZoneInfo(name)) <= epoch(local + more, ZoneInfo(name))


times = st.tuples(st.integers(0, 59), st.integers(0, 23))


@given(times, st.sampled_from(["* * *", "* * sun", "1-7 * *", "*/3 * tue-thu"]), locals_, st.sampled_from(ZONES))
def test_what_begins_next_has_then_begun_last(moment: tuple[int, int], days: str, around: datetime, name: str) -> None:
    zone, schedule = ZoneInfo(name), parse(f"{moment[0]} {moment[1]} {days}")
    now = around.replace(tzinfo=UTC).timestamp()
    start = next_start(schedule, now, zone)
    assert start is not None and start > now
    assert last_start(schedule, start, zone, DAY) == start
    before = last_start(schedule, start - 1, zone, 40 * DAY)
    assert before is not None and before <= now, "none is left out in between"


@pytest.mark.parametrize("zone", ZONES)
def test_once_on_every_day_of_three_years(zone: str) -> None:
    for text in ("30 2 * * *", "0 0 * * *", "45 1 * * *", "59 23 * * *"):
        at, seen = utc("2025-12-31T12:00"), []
        for _ in range(3 * 365):
            start = next_start(parse(text), at, ZoneInfo(zone))
            assert start is not None
            seen.append(datetime.fromtimestamp(start, ZoneInfo(zone)).date())
            at = start
        assert len(set(seen)) == len(seen) and seen[-1] - seen[0] == timedelta(days=len(seen) - 1)
