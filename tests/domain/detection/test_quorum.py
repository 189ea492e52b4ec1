"""Several hosts, one component: whose turn it is, and what they say together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.checking.result import FAILURES, STATUSES, SUCCESSES
from heartbeat_cli.domain.detection.quorum import (
    Council,
    Vote,
    agrees,
    around,
    count,
    leads,
    needed,
    observation,
    shown,
    standing,
    witness,
)

ONE = {"h": "healthy", "d": "degraded", "u": "unhealthy", "e": "error", "?": "unknown"}


def votes(text: str) -> list[Vote]:
    """`he?`: host a sees it healthy, b gets no answer, c could not check."""
    return [Vote(name, 100.0, ONE[sign], f"by {name}") for name, sign in zip("abcdefgh", text, strict=False)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "quorum", "sense"),
    [
        ("h", None, "up"), ("e", None, "down"), ("?", None, "open"), ("u", 1, "down"),  # one host alone, as ever
        ("ee", None, "down"), ("eh", None, "up"), ("he", None, "up"), ("e?", None, "open"), ("h?", None, "up"),
        ("eeh", None, "down"), ("ehh", None, "up"), ("eh?", None, "open"), ("hh?", None, "up"), ("h??", None, "open"),
        ("eehh", None, "up"), ("eeeh", None, "down"),  # more than half
        ("e", 2, "open"), ("h", 2, "up"), ("ee", 2, "down"), ("eh", 2, "up"), ("eeh", 3, "up"), ("ee", 3, "open"),
        ("eh", 1, "down"), ("hd", 1, "up"), ("h?", 1, "up"), ("e?", 1, "down"), ("h??", 1, "up"),
        ("?", 2, "open"), ("", None, "open"),
    ],
)  # fmt: skip
def test_what_they_say_together(seen: str, quorum: int | None, sense: str) -> None:
    assert count(quorum, votes(seen)).sense == sense


@given(st.lists(st.sampled_from(STATUSES), min_size=1, max_size=8), st.none() | st.integers(1, 9))
def test_a_fault_needs_its_quorum_and_unknown_is_nobodys_word(statuses: list[str], quorum: int | None) -> None:
    round_ = count(quorum, [Vote(f"h{n}", 1.0, one) for n, one in enumerate(statuses)])  # type: ignore[arg-type]
    failing = sum(one in FAILURES for one in statuses)
    good = sum(one in SUCCESSES for one in statuses)
    assert (round_.sense == "down") == (failing >= needed(quorum, len(statuses)))
    if round_.sense == "up":
        assert good > 0 and failing < round_.needed
        assert round_.needed == 1 or len(statuses) - good < round_.needed, "who could not look may have said otherwise"
    assert count(quorum, reversed(round_.votes)) == round_
    # What nobody saw makes nothing better or worse: another host that could not check never turns it over.
    more = count(quorum, [*round_.votes, Vote("z", 1.0, "unknown")])
    assert {round_.sense, more.sense} != {"up", "down"}


def test_a_check_ends_a_round_unless_another_host_did_since_the_last_one() -> None:
    others = [one._replace(ended=50.0) for one in votes("hh")]
    assert leads(50.0, others) and leads(60.0, others) and leads(0.0, []) and leads(0.0, votes("hh"))
    assert not leads(49.0, others) and not leads(0.0, others)


@given(
    st.lists(st.tuples(st.integers(5, 90), st.integers(0, 89), st.integers(-4, 4)), min_size=1, max_size=4),
    st.integers(0, 3),
)
def test_rounds_come_as_often_as_the_host_that_checks_most_often(hosts: list[tuple[int, int, int]], gone: int) -> None:
    """Each host has its distance, its offset and a clock that is a little wrong; one makes no more checks after a
    while. In any time there are about as many rounds as the fastest one that is left checks."""
    council, rounds = Council(2, 150.0), []
    looks = sorted(
        (at, n)
        for n, (every, offset, _) in enumerate(hosts)
        for at in range(1_000 + offset, 4_000, every)
        if n != gone or at < 2_000 or len(hosts) == 1
    )
    for at, n in looks:
        if council.hear(Vote(f"h{n}", at + hosts[n][2], "healthy")) is not None:
            rounds.append(at)
    left = [every for n, (every, _, _) in enumerate(hosts) if n != gone or len(hosts) == 1]
    for begin in range(2_300, 3_700, 100):
        there = sum(begin <= at < begin + 200 for at in rounds)
        assert 200 / min(left) / 3 - 2 <= there <= 200 / min(left) * 1.5 + 2, (there, min(left))


@pytest.mark.parametrize(
    ("quorum", "seen", "status", "error"),
    [
        (None, "e", "error", "by a"), (None, "?", "unknown", "by a"),  # one host alone, as ever
        (2, "e", "unknown", "1 of 1 hosts sees it fail (quorum 2)"),  # it alone makes no fault of what two must see
        (2, "h", "healthy", "by a"), (2, "ee", "error", "by b"),
        (1, "eh", "error", "by a"), (1, "he", "error", "by b"), (1, "hh", "healthy", "by b"),
    ],
)  # fmt: skip
def test_what_detection_takes_of_the_last_of_these_checks(
    quorum: int | None, seen: str, status: str, error: str
) -> None:
    council = Council(quorum, 150.0)
    found = [council.hear(one) for one in votes(seen)][-1]
    assert found is not None and (found.status, found.error) == (status, error)


def test_lonely_is_who_sees_it_fail_and_is_not_enough() -> None:
    assert count(2, votes("e")).lonely and count(None, votes("e?")).lonely
    assert not any(count(None, votes(seen)).lonely for seen in ("", "?", "??", "e", "ee", "eh", "h"))


def test_an_alert_shows_what_each_host_sees() -> None:
    (one,) = votes("e")
    assert shown([one, Vote("b", 1.0, "healthy")]) == [["a", "error", "by a", one.at], ["b", "healthy", "", 1.0]]


def test_a_check_counts_until_it_is_too_old_and_not_from_the_future() -> None:
    (one,) = votes("h")  # at 100
    assert around([one], 249.0, 150.0) == [one] and around([one], 250.0, 150.0) == []
    assert around([one], -50.0, 150.0) == [one] and around([one], -51.0, 150.0) is None
    later = Vote("b", 250.0, "healthy")
    assert standing(None, [one, later], 151.0) is not None and standing(None, [one, later], 150.0) is None


def test_detection_takes_the_own_check_where_it_says_the_same() -> None:
    for own, seen, status, error in (
        ("e", "ee", "error", "by a"),
        ("h", "hee", "error", "by b"),
        ("e", "ehh", "healthy", "by b"),
    ):
        found = observation(votes(own)[0], count(None, votes(seen)))
        assert (found.at, found.status, found.error) == (100.0, status, error)
    found = observation(votes("e")[0], count(2, votes("e")))
    assert (found.status, found.error) == ("unknown", "1 of 1 hosts sees it fail (quorum 2)")


def test_a_check_speaks_only_for_what_the_round_says() -> None:
    assert agrees("error", "down") and agrees("unhealthy", "down") and agrees("degraded", "up")
    assert not any(agrees(status, "open") for status in STATUSES)
    assert not agrees("healthy", "down") and not agrees("error", "up") and not agrees("unknown", "up")


def test_the_evidence_is_that_of_a_host_which_sees_it() -> None:
    assert witness(count(None, votes("hee")), "a") == "b"
    assert witness(count(None, votes("hee")), "c") == "c"
    assert witness(count(2, votes("e")), "a") == "a"


def test_what_stands_goes_by_checks_of_about_the_same_time() -> None:
    old, new = Vote("a", 100.0, "healthy"), Vote("b", 500.0, "error")
    assert standing(None, [old, new], 150.0) is None, "one host is left"
    assert standing(None, [old, new._replace(at=120.0)], 150.0) is not None
    assert standing(None, [], 150.0) is None
    alone = standing(2, [old, new], 150.0)
    assert alone is not None and (alone.sense, alone.status, alone.lonely) == ("open", "unknown", True)
    both = standing(None, [old, old._replace(observer="c", status="degraded")], 150.0)
    assert both is not None and both.status == "degraded"
