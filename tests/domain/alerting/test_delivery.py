"""What goes out together, in which order."""

import pytest

from heartbeat_cli.domain.alerting import delivery
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.errors import DeliveryError


def alert(id_: str, component: str, at: float) -> Alert:
    return Alert(id_, "tcp_down", "high", "t", component, at, None, "r")


def test_a_digest_has_parents_first_then_what_came_first_whatever_its_id() -> None:
    """Sorted by id before time, the end of an incident would stand before its beginning."""
    told = [
        alert("a/late", "db", 30.0),
        alert("z/early", "db", 10.0),
        alert("a/child", "main", 5.0),
        alert("b/same", "db", 30.0),
        alert("host", "here", 1.0),
    ]
    ordered = delivery.root_first(told, ["db", "main"])
    assert [one.id for one in ordered] == ["z/early", "a/late", "b/same", "a/child", "host"]


def test_what_was_refused_often_in_two_minutes_does_not_wait_for_half_an_hour() -> None:
    """A mail server that reboots refuses for a while, and then is silent: the many quick tries are not held against
    it."""
    silent = delivery.Attempt(10.0, DeliveryError("no answer", retryable=True))
    for attempts in (3, 8, 29, 60):
        found = delivery.decide(silent, ChannelCommon(), attempts, 1_000.0, 1_120.0)
        assert found.next_try is not None and 15 <= found.next_try - 1_120 <= 135
    late = delivery.decide(silent, ChannelCommon(), 8, 1_000.0, 90_000.0)
    assert late.next_try == 90_000 + 1_800


def failed(retry_after: float | None = None, *, retryable: bool = True, lasting: bool = False) -> delivery.Attempt:
    return delivery.Attempt(
        0.1, DeliveryError("no", retryable=retryable, retry_after=retry_after, lasting=lasting, unsure=True)
    )


@pytest.mark.parametrize("attempts", [0, 5, 99])
def test_the_moment_that_the_other_side_names_is_that_of_the_next_try(attempts: int) -> None:
    found = delivery.decide(failed(2.0), ChannelCommon(), attempts, 0.0, 1_000.0)
    assert found.next_try == 1_002.0
    longest = delivery.decide(failed(1e9), ChannelCommon(), attempts, 0.0, 1_000.0)
    assert longest.next_try == 1_000.0 + 3_600.0


def test_what_a_person_has_to_mend_is_tried_later_each_time_and_not_within_the_named_time() -> None:
    found = [
        delivery.decide(failed(300.0, lasting=True), ChannelCommon(), attempts, 0.0, 9_999.0).next_try
        for attempts in (0, 4, 6, 20)
    ]
    assert found == [9_999.0 + after for after in (300.0, 300.0, 960.0, 1_800.0)]


def test_a_retry_within_the_pass_keeps_the_message_together_and_is_due_then() -> None:
    found = delivery.decide(failed(), ChannelCommon(), 3, 900.0, 1_000.0, retry_in=1.0)
    assert found == delivery.Decision("waiting", 1_001.0, same_batch=True, soon=True)


def test_a_retry_within_the_pass_does_not_defer_the_fallback() -> None:
    common = ChannelCommon(fallback="log", fallback_after=60.0)
    assert delivery.decide(failed(), common, 3, 900.0, 1_000.0, retry_in=1.0).state == "handed_over"
    assert delivery.decide(failed(), common, 3, 990.0, 1_000.0, retry_in=1.0).state == "waiting"


def test_how_soon_a_channel_is_tried_again_within_a_pass() -> None:
    def waits(attempt: delivery.Attempt) -> list[float | None]:
        assert attempt.error is not None
        return [delivery.retry_wait(attempt.error, failures) for failures in range(3)]

    assert waits(failed()) == [1.0, 3.0, None]
    assert waits(failed(2.0)) == [2.0, 2.0, None]
    assert waits(failed(0.0)) == [1.0, 3.0, None]
    assert waits(failed(300.0, lasting=True)) == waits(failed(retryable=False)) == [None] * 3
