"""Maintenance windows and quiet hours: when they begin and end, on the days that clocks change, too."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.alerting.schedule import parse
from heartbeat_cli.domain.alerting.windows import (
    Window,
    as_datetime,
    next_window,
    quiet_hours,
    quiet_until,
    window_at,
)
from heartbeat_cli.domain.seconds import as_seconds

HOUR = 3600.0
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Hong_Kong")


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def repeating(cron: str, seconds: float) -> Window:
    return Window("w", ("*",), "why", schedule=parse(cron), seconds=seconds)


NIGHTLY = repeating("30 2 * * *", 2 * HOUR)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-24T01:29", None),
        ("2026-11-24T01:30", ("2026-11-24T01:30", "2026-11-24T03:30")),
        ("2026-11-24T03:29", ("2026-11-24T01:30", "2026-11-24T03:30")),
        ("2026-11-24T03:30", None),
        # Forward at 01:00 UTC: 02:30 is not there, so it begins with the first moment after, and lasts two real hours.
        ("2026-03-29T00:59", None),
        ("2026-03-29T01:00", ("2026-03-29T01:00", "2026-03-29T03:00")),
        ("2026-03-29T02:59", ("2026-03-29T01:00", "2026-03-29T03:00")),
        ("2026-03-29T03:00", None),
        # Back at 01:00 UTC: 02:30 is there twice; it begins with the first and once only.
        ("2026-10-25T00:29", None),
        ("2026-10-25T00:30", ("2026-10-25T00:30", "2026-10-25T02:30")),
        ("2026-10-25T01:30", ("2026-10-25T00:30", "2026-10-25T02:30")),
        ("2026-10-25T02:30", None),
    ],
)
def test_a_nightly_window_in_berlin(now: str, expected: tuple[str, str] | None) -> None:
    found = window_at(NIGHTLY, utc(now), BERLIN)
    assert found == (expected and tuple(utc(one) for one in expected))


def test_clocks_that_go_back_over_midnight_end_nothing() -> None:
    """St. John's, until 2011: a minute after midnight it was 23:01 of the day before."""
    midnight = repeating("0 0 * * *", 2 * HOUR)
    span = (utc("2010-11-07T02:30"), utc("2010-11-07T04:30"))
    zone = ZoneInfo("America/St_Johns")
    assert [window_at(midnight, utc(f"2010-11-07T{at}"), zone) for at in ("02:45", "03:45")] == [
        span, span
    ]  # fmt: skip


def test_the_next_one() -> None:
    assert next_window(NIGHTLY, utc("2026-03-29T00:00"), BERLIN) == (utc("2026-03-29T01:00"), utc("2026-03-29T03:00"))
    assert next_window(NIGHTLY, utc("2026-03-29T01:00"), BERLIN) == (utc("2026-03-30T00:30"), utc("2026-03-30T02:30"))


def test_one_that_lasts_for_days_and_one_that_meets_the_next() -> None:
    weekend = repeating("0 18 * * fri", 60 * HOUR)
    assert window_at(weekend, utc("2026-11-30T04:59"), BERLIN) == (utc("2026-11-27T17:00"), utc("2026-11-30T05:00"))
    assert window_at(weekend, utc("2026-11-30T05:00"), BERLIN) is None
    always = repeating("0 * * * *", 2 * HOUR)
    assert window_at(always, utc("2026-11-24T10:30"), UTC) == (utc("2026-11-24T10:00"), utc("2026-11-24T12:00"))


def dated(first: str | None, last: str | None) -> Window:
    begin, end = (None if one is None else datetime.fromisoformat(one) for one in (first, last))
    return Window("w", ("*",), "why", first=begin, last=end)


def test_dated_ones_are_local_unless_they_say_otherwise() -> None:
    holidays = dated("2026-12-24T18:00", "2026-12-27")
    assert next_window(holidays, utc("2026-12-24T16:59"), BERLIN) == (utc("2026-12-24T17:00"), utc("2026-12-26T23:00"))
    assert window_at(holidays, utc("2026-12-24T16:59"), BERLIN) is None
    assert window_at(holidays, utc("2026-12-24T17:00"), BERLIN) == (utc("2026-12-24T17:00"), utc("2026-12-26T23:00"))
    assert window_at(holidays, utc("2026-12-26T23:00"), BERLIN) is None
    assert next_window(holidays, utc("2026-12-24T17:00"), BERLIN) is None
    abroad = dated("2026-12-24T18:00+08:00", "2026-12-24T18:00Z")
    assert window_at(abroad, utc("2026-12-24T10:00"), BERLIN) == (utc("2026-12-24T10:00"), utc("2026-12-24T18:00"))


def test_without_a_beginning_or_an_end() -> None:
    assert window_at(dated(None, "2026-01-01"), 0.0, UTC) == (float("-inf"), utc("2026-01-01"))
    assert window_at(dated("2026-01-01", None), utc("2099-01-01"), UTC) == (utc("2026-01-01"), float("inf"))


@given(
    st.integers(0, 59), st.integers(0, 23), st.integers(60, 26 * 3600), st.sampled_from(ZONES), st.integers(2000, 2037),
    st.integers(0, 366 * 24 * 60),
)  # fmt: skip
def test_it_lasts_its_real_time_from_its_local_beginning(
    minute: int, hour: int, seconds: int, name: str, year: int, after: int
) -> None:
    zone, window = ZoneInfo(name), repeating(f"{minute} {hour} * * *", float(seconds))
    now = (datetime(year, 1, 1, tzinfo=UTC) + timedelta(minutes=after)).timestamp()
    span = next_window(window, now, zone)
    assert span is not None and span[1] - span[0] == seconds
    local = datetime.fromtimestamp(span[0], zone)
    planned = local.replace(hour=hour, minute=minute, tzinfo=None)
    assert timedelta() <= local.replace(tzinfo=None) - planned < timedelta(hours=1), (
        "late by what is not there, at most"
    )
    assert window_at(window, span[0], zone) == span
    assert window_at(window, span[0] - 1, zone) != span
    if seconds < 22 * 3600:
        assert window_at(window, span[1] - 1, zone) == span and window_at(window, span[1], zone) is None


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(90, 90.0), (0.5, 0.5), ("2h", 7200.0), ("90min", 5400.0), ("1h 30 min", 5400.0),
     ("1d12h", 129_600.0), ("45 S", 45.0)],
)  # fmt: skip
def test_durations(written: float | str, seconds: float) -> None:
    assert as_seconds(written) == seconds


@pytest.mark.parametrize("written", ["", "2", "h", "2 weeks", "-2h", "2h!", "1e9h", "２h "])
def test_what_is_no_duration(written: str) -> None:
    with pytest.raises(ValueError, match="expected a number of seconds"):
        as_seconds(written)


def test_dates_and_times_as_toml_gives_them() -> None:
    import tomllib

    given_ = tomllib.loads('a = 2026-12-24\nb = 2026-12-24T22:00:00\nc = 2026-12-24T22:00:00Z\nd = "2026-12-24 22:00"')
    assert [as_datetime(value).isoformat() for value in given_.values()] == [
        "2026-12-24T00:00:00", "2026-12-24T22:00:00", "2026-12-24T22:00:00+00:00", "2026-12-24T22:00:00"
    ]  # fmt: skip


# --- quiet hours -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["", "22-7", "22:00", "24:00-07:00", "22:00-22:00", "22:60-07:00", "a22:00-07:00"])
def test_what_are_no_quiet_hours(written: str) -> None:
    with pytest.raises(ValueError, match="22:00-07:00"):
        quiet_hours(written)


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        ("22:00-07:00", "2026-11-24T20:59", None),
        ("22:00-07:00", "2026-11-24T21:00", "2026-11-25T06:00"),
        ("22:00-07:00", "2026-11-25T05:59", "2026-11-25T06:00"),
        ("22:00-07:00", "2026-11-25T06:00", None),
        ("22:00-07:00", "2026-03-28T22:00", "2026-03-29T05:00"),  # a short night
        ("22:00-07:00", "2026-10-24T22:00", "2026-10-25T06:00"),  # a long one
        ("22:00-02:30", "2026-03-29T00:59", "2026-03-29T01:00"),  # its end is not there
        ("12:00 - 13:30", "2026-11-24T11:00", "2026-11-24T12:30"),
        ("12:00-13:30", "2026-11-24T12:30", None),
        ("00:00-23:59", "2026-11-24T11:00", "2026-11-24T22:59"),
    ],
)
def test_quiet_hours_in_berlin(hours: str, now: str, until: str | None) -> None:
    assert quiet_until(quiet_hours(hours), utc(now), BERLIN) == (until and utc(until))


@given(st.times(), st.times(), st.sampled_from(ZONES), st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1)))
def test_quiet_time_ends_when_clocks_show_its_end(begin: object, end: object, name: str, at: datetime) -> None:
    first, last = str(begin)[:5], str(end)[:5]
    if first == last:
        return
    zone, now = ZoneInfo(name), at.replace(tzinfo=UTC).timestamp()
    until = quiet_until(quiet_hours(f"{first}-{last}"), now, zone)
    if until is not None:
        assert now < until <= now + 26 * HOUR
        shown = datetime.fromtimestamp(until, zone).strftime("%H:%M")
        gone = datetime.fromtimestamp(until - 1, zone).strftime("%H:%M")
        assert shown == last or gone < last < shown
        assert quiet_until(quiet_hours(f"{first}-{last}"), until, zone) is None
