"""What goes out together, in which order."""

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
