"""What is made of the values that a server sends."""

import pytest

from heartbeat_cli.postgres.casts import interval_seconds

_DAY = 86_400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:01:30", 90),
        ("-00:00:00.5", -0.5),
        ("1 day", _DAY),
        ("3 days 04:05:06.789", 3 * _DAY + 14_706.789),
        ("-1 days +02:00:00", 7_200 - _DAY),
        ("1 day -00:00:01", _DAY - 1),
        ("1 year 2 mons", 425 * _DAY),
        ("-2 years -1 mons +5 days", (5 - 760) * _DAY),
        ("2562047788:00:54.775807", 9_223_372_036_854.775807),
        ("infinity", float("inf")),
        (None, None),
    ],
)
def test_an_interval_is_its_seconds(text: str | None, seconds: float | None) -> None:
    """As psycopg2 counts them: a year of 365 days, a month of 30."""
    assert interval_seconds(text, None) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "x", "P1D", "1", "1:2", "0:0:0." + "0" * 31, "9" * 99 + " years 1", "١ days"])
def test_what_is_no_interval(text: str) -> None:
    with pytest.raises(ValueError, match="not an interval"):
        interval_seconds(text, None)
