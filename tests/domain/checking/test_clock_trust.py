"""What is held against a clock: the last pass, and the store's own clock."""

import pytest

from heartbeat_cli.domain.checking.clock_trust import FAR, SETTLED, Suspect, followed, judge, settled
from heartbeat_cli.domain.checking.coverage import Watch

NOW, DAY, YEAR = 1_795_348_800.0, 86_400.0, 365 * 86_400.0


def seen(at: float, **more: float) -> Watch:
    return Watch(at, at + 1, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("own", "others", "ahead", "reason"),
    [
        (None, [], None, None),  # the first pass of all
        (seen(NOW - 60), [], None, None),
        (seen(NOW - DAY - 60), [], None, None),  # cron once a day is not to the second
        (seen(NOW - 26 * 3600), [], None, "its clock is 1 d 2 h after the last pass"),
        (seen(NOW + 26 * 3600), [], None, "its clock is 1 d 2 h before the last pass"),
        (seen(NOW - 3600, ahead=NOW - 60), [], None, None),
        (seen(NOW + 3600), [], None, None),  # set back by an hour: that is no doubt
        (seen(NOW - 100 * DAY), [seen(NOW - 30)], None, None),  # others have been there all the time
        (seen(NOW - 100 * DAY), [seen(NOW + 10 * YEAR)], None, "its clock is 100 d after the last pass"),
        (None, [seen(NOW - 100 * DAY)], None, "its clock is 100 d after the last pass"),  # a new name
        (seen(NOW - 60), [], 300.0, None),
        (seen(NOW - 60), [], -300.0, None),
        (seen(NOW - 60), [], 301.0, "its clock is 5 min behind the store's"),
        (seen(NOW - 60), [], -3600.0, "its clock is 1 h ahead of the store's"),
        (seen(NOW - 100 * DAY), [], 0.0, "its clock is 100 d after the last pass"),  # PostgreSQL may be on this host
    ],
)
def test_what_makes_a_clock_suspect(own: Watch | None, others: list[Watch], ahead: float | None, reason: str) -> None:
    assert judge(own, others, None, NOW, ahead, 60).reason == reason


def test_a_component_that_is_wanted_seldom_moves_the_border() -> None:
    assert judge(seen(NOW - 2 * DAY), [], None, NOW, None, DAY).reason is None
    assert judge(seen(NOW - 3 * DAY), [], None, NOW, None, DAY).reason is not None


def test_the_clock_that_has_jumped_is_the_one_that_left_the_other_passes() -> None:
    """This host's by ten years, or the server's: in both cases the watch goes on as if nothing had."""
    ours = judge(seen(NOW - 60), [], None, NOW + YEAR, -YEAR, 60)
    assert (ours.far, ours.off, ours.frame) == (False, True, -YEAR)
    theirs = judge(seen(NOW - 60), [], None, NOW, YEAR, 60)
    assert (theirs.far, theirs.off, theirs.frame) == (False, True, 0.0)
    both = judge(seen(NOW - 60), [], None, NOW + YEAR, 5 * YEAR, 60)
    assert (both.far, both.off) == (True, True)


def test_an_hour_of_passes_that_agree_settles_it() -> None:
    """A step among them begins the hour anew; a clock that the store's contradicts is never settled."""
    found = judge(seen(NOW - YEAR), [], None, NOW, None, 60)
    one: Suspect | None = None
    moments = [NOW + 60 * n for n in range(30)] + [NOW + 2 * YEAR + 60 * n for n in range(61)]
    for at in moments:
        assert one is None or not settled(one, found)
        one = followed(one, found, "here", at, at + 1, 60)
    assert one is not None and settled(one, found) and not settled(one, found._replace(off=True))
    assert one.began == NOW and one.since == NOW + 2 * YEAR
    assert one.spans == ((NOW, NOW + 29 * 60 + 1, 0.0),)
    assert SETTLED == 3600 and FAR > DAY
