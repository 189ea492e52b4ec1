"""The outbox: claimed by one, in order, together, again when the one died, handed over, and every try kept."""

from pathlib import Path

import pytest

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.domain.checking.coverage import Watch
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.outbox import alerts, channels, outbox, sends
from heartbeat_cli.store.outbox.channels import ConfiguredChannels
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states as states_of
from tests.parts.outbox import LEASE, claim, settle, taken
from tests.parts.stores import elsewhere

NOW = 1_795_348_800.0
CHANNELS = ["mail", "tg"]


def alert(name: str, at: float = NOW, incident: str | None = None, kind: str = "agent_down") -> Alert:
    return Alert(name, kind, "high", "Main is down", "main", at, incident, "3 failing checks")


def states(db: Database, *names: str) -> dict[str, str]:
    return {f"{one.alert_id}/{one.channel}": one.state for one in alerts.deliveries(db, names)}


def test_a_lease_keeps_others_away_until_it_expires(store: Database) -> None:
    alerts.add(store, alert("a"), ["tg"], NOW)
    assert taken(store, NOW, "tg") == ["a/tg"]
    assert taken(store, NOW + 1, "tg", owner="other") == [] == taken(store, NOW + LEASE - 1, "tg")
    settle(store, claim(store, NOW + LEASE, "tg"), None, NOW + LEASE)  # who had it has died
    assert taken(store, NOW + 999, "tg") == []
    (sent,) = alerts.deliveries(store, ["a"])
    assert (sent.state, sent.attempts, sent.sent, sent.last_error) == ("sent", 1, NOW + LEASE, None)


def test_what_failed_waits_for_its_next_try(store: Database) -> None:
    alerts.add(store, alert("a"), ["tg"], NOW)
    settle(store, claim(store, NOW, "tg"), "no \0route", NOW, retry_after=30)
    assert taken(store, NOW + 29, "tg") == []
    parcel = claim(store, NOW + 30, "tg")
    (one,) = parcel.notifications
    assert (parcel.id, one.id, one.attempts, one.failing_since) == ("a", "a/tg", 1, NOW)
    settle(store, parcel, "chat not found", NOW + 30, retryable=False)
    assert taken(store, NOW + 9999, "tg") == []
    assert outbox.count_waiting(store) == 0
    (sent,) = alerts.deliveries(store, ["a"])
    assert (sent.state, sent.attempts, sent.last_error) == ("failed", 2, "chat not found")


def test_what_is_due_goes_out_together_and_a_report_by_itself(store: Database) -> None:
    for name, kind in (("a", "agent_down"), ("r", "report"), ("b", "agent_down")):
        alerts.add(store, alert(name, kind=kind), ["tg"], NOW)
    assert sorted(taken(store, NOW, "tg")) == ["a/tg", "b/tg"]
    assert taken(store, NOW, "tg") == ["r/tg"]


def test_without_a_digest_oldest_first_and_one_by_one(store: Database) -> None:
    for number in (3, 1, 2):
        alerts.add(store, alert(f"a{number}", NOW - 10 + number), ["tg"], NOW)
    found = [taken(store, NOW, "tg", digest=False) for _ in range(4)]
    assert found == [["a1/tg"], ["a2/tg"], ["a3/tg"], []]


def test_a_set_that_may_have_arrived_stays_that_set(store: Database) -> None:
    """The answer was lost: tried again it must be known as the same message. What came in since goes by itself."""
    for name in "ab":
        alerts.add(store, alert(name), ["tg"], NOW)
    first = claim(store, NOW, "tg")
    settle(store, first, "the connection broke off", NOW, unsure=True)
    alerts.add(store, alert("c"), ["tg"], NOW + 1)
    assert taken(store, NOW + 1, "tg") == ["c/tg"]
    again = claim(store, NOW + 15, "tg")
    assert again.id == first.id and len(again.notifications) == 2
    settle(store, again, "busy", NOW + 15)  # which says nothing of the first try
    assert claim(store, NOW + 45, "tg").id == first.id


def test_a_set_that_was_refused_takes_in_what_came_since(store: Database) -> None:
    for name in "ab":
        alerts.add(store, alert(name), ["tg"], NOW)
    first = claim(store, NOW, "tg")
    settle(store, first, "busy", NOW)
    alerts.add(store, alert("c"), ["tg"], NOW + 15)
    again = claim(store, NOW + 15, "tg")
    assert again.id != first.id and len(again.notifications) == 3


def test_a_set_whose_sender_died_stays_that_set(store: Database) -> None:
    for name in "ab":
        alerts.add(store, alert(name), ["tg"], NOW)
    first = claim(store, NOW, "tg")
    alerts.add(store, alert("c"), ["tg"], NOW)
    outbox.release(store, "me")
    assert claim(store, NOW, "tg").id == first.id


def test_what_a_host_has_enqueued_is_left_to_it_for_a_while(store: Database) -> None:
    """Without the store it would send it, too, and nobody could tell that another one has."""
    store.observer = "alpha"
    alerts.add(store, alert("a"), ["tg"], NOW)
    store.observer = "alpha2"
    assert taken(store, NOW, "tg", owner="alpha2/1") == [] == taken(store, NOW + LEASE - 1, "tg", owner="alpha2/1")
    assert taken(store, NOW + LEASE, "tg", owner="alpha2/1") == ["a/tg"], "alpha seems to be gone"
    alerts.add(store, alert("b"), ["tg"], NOW)
    assert taken(store, NOW, "tg", owner="alpha2/2") == ["b/tg"]


def test_apart_from_the_store_only_the_own_is_sent(store: Database) -> None:
    """A host's name may hold a slash."""
    for name in ("alpha", "beta", "beta/gamma", ""):
        store.observer = name
        alerts.add(store, alert(f"of {name}"), ["tg"], NOW)
    store.observer, store.is_apart = "beta", True
    assert sorted(taken(store, NOW + 9_999, "tg", owner="beta/1")) == ["of /tg", "of beta/tg"]


def test_apart_from_the_store_the_own_does_not_wait_behind_what_another_host_raised(store: Database) -> None:
    """Whether that host has sent it is not known there, and it may be dead: the own would wait as long as the outage.
    What is this host's goes in order all the same."""
    for number, name in enumerate(("alpha", "beta", "beta", "alpha"), 1):
        store.observer = name
        alerts.add(store, alert(f"{number} of {name}", NOW + number, "main@1"), ["tg"], NOW)
    store.observer = "beta"
    assert taken(store, NOW + 5, "tg", owner="beta/1") == [], "the store has it in order, for all hosts"
    store.is_apart = True
    first = outbox.claim(store, "beta/1", NOW + 5, LEASE, "tg")
    assert first and [one.id for one in first.notifications] == ["2 of beta/tg"]
    settle(store, first, "no route", NOW + 5, retry_after=500)
    assert taken(store, NOW + 6, "tg", owner="beta/1") == [], "behind its own first one"
    again = outbox.claim(store, "beta/1", NOW + 505, LEASE, "tg")
    assert again and again.id == first.id
    settle(store, again, None, NOW + 505)
    assert taken(store, NOW + 505, "tg", owner="beta/1") == ["3 of beta/tg"]
    assert taken(store, NOW + 506, "tg", owner="beta/1") == []
    store.is_apart, store.observer = False, "alpha"
    assert taken(store, NOW + 9_999, "tg", owner="alpha/1") == ["1 of alpha/tg"], "it is still alpha's to send"


def test_apart_from_the_store_the_end_is_not_claimed_with_what_another_host_raised(store: Database) -> None:
    """A remark on that row would go into the store with the spool, over what has become of it there."""
    opened = Incident("main@1", "main", "agent", "high", "down", NOW, NOW, ended=NOW + 9)
    states_of.save_incident(store, opened)
    for name, kind in (("alpha", "agent_down"), ("beta", "agent_reminder"), ("beta", "recovered")):
        store.observer = name
        alerts.add(store, alert(kind, NOW + len(kind), "main@1", kind), ["tg"], NOW)
    store.run("UPDATE heartbeat_outbox SET last_error = 'no route'")
    store.observer, store.is_apart = "beta", True
    parcel = outbox.claim(store, "beta/1", NOW + 99, LEASE, "tg")
    assert parcel and [one.alert.id for one in parcel.notifications] == ["recovered", "agent_reminder"]
    assert store.rows("SELECT remark FROM heartbeat_outbox WHERE id = 'agent_down/tg'") == [(None,)]


def test_a_time_of_no_clock_keeps_nobody_waiting(store: Database) -> None:
    store.observer = "alpha"
    alerts.add(store, alert("a"), ["tg"], NOW + 999)
    store.observer = "beta"
    assert taken(store, NOW, "tg", owner="beta/1") == ["a/tg"]


def test_channels_with_something_due(store: Database) -> None:
    alerts.add(store, alert("a"), ["gone", "tg"], NOW)
    assert list(outbox.ready(store, NOW, LEASE, CHANNELS)) == ["tg"]
    assert list(outbox.ready(store, NOW, LEASE, [])) == []
    assert outbox.count_waiting(store) == 2


def test_the_end_of_an_incident_waits_for_its_beginning(store: Database) -> None:
    """DOWN could not be sent and is to be tried later: RESOLVED must not overtake it on that channel."""
    alerts.add(store, alert("down", NOW, "main@1"), CHANNELS, NOW)
    settle(store, claim(store, NOW, "mail"), None, NOW)
    settle(store, claim(store, NOW, "tg"), "no route", NOW, retry_after=500)
    alerts.add(store, alert("recovered", NOW + 60, "main@1"), CHANNELS, NOW + 60)
    alerts.add(store, alert("unrelated", NOW + 60, "db@1"), CHANNELS, NOW + 60)
    assert sorted(taken(store, NOW + 60, "mail")) == ["recovered/mail", "unrelated/mail"]
    unrelated = claim(store, NOW + 60, "tg")
    assert [one.id for one in unrelated.notifications] == ["unrelated/tg"]
    settle(store, unrelated, None, NOW + 60)
    settle(store, claim(store, NOW + 500, "tg"), "chat not found", NOW + 500, retryable=False)
    assert states(store, "down")["down/tg"] == "failed"
    assert "recovered/tg" in taken(store, NOW + 999, "tg")


def test_a_clock_put_back_holds_nothing_up(store: Database) -> None:
    alerts.add(store, alert("a"), ["tg"], NOW)
    assert taken(store, NOW - 3600, "tg") == ["a/tg"]  # written an hour "later"
    assert taken(store, NOW - 7200, "tg", owner="other") == ["a/tg"]  # its lease ends further away than any lease can


def test_handed_over_with_all_that_waits_behind_it(store: Database) -> None:
    """Who hears of a beginning hears of the end: the end that waits on the failing channel goes along."""
    alerts.add(store, alert("down", NOW, "main@1"), ["tg"], NOW)
    alerts.add(store, alert("recovered", NOW + 60, "main@1"), ["tg"], NOW)
    common = ChannelCommon(fallback="mail", fallback_after=0)
    settle(store, claim(store, NOW + 60, "tg"), "no route", NOW + 60, common=common)
    assert states(store, "down") == {"down/tg": "handed_over", "down/mail": "waiting"}
    assert states(store, "recovered") == {"recovered/tg": "handed_over", "recovered/mail": "waiting"}
    (one,) = claim(store, NOW + 60, "mail").notifications
    assert (one.alert.id, one.remark) == ("down", "tg does not take it")


def test_an_heir_that_has_it_anyway_gets_no_second_one(store: Database) -> None:
    alerts.add(store, alert("a"), CHANNELS, NOW)
    settle(store, claim(store, NOW, "mail"), None, NOW)
    settle(store, claim(store, NOW, "tg"), "no", NOW, common=ChannelCommon(fallback="mail"), retryable=False)
    assert states(store, "a") == {"a/mail": "sent", "a/tg": "handed_over"}


@pytest.mark.parametrize(("retryable", "state"), [(True, "waiting"), (False, "failed")])
def test_without_an_heir_that_can_have_it_it_goes_on_as_it_would(store: Database, retryable: bool, state: str) -> None:
    alerts.add(store, alert("a"), CHANNELS, NOW)
    settle(store, claim(store, NOW, "mail"), "too large", NOW, retryable=False)
    common = ChannelCommon(fallback="mail", fallback_after=0)
    settle(store, claim(store, NOW, "tg"), "no", NOW, common=common, retryable=retryable)
    assert states(store, "a") == {"a/mail": "failed", "a/tg": state}


def test_every_try_is_kept_once(store: Database) -> None:
    for name in "ab":
        alerts.add(store, alert(name), ["tg"], NOW)
    parcel = claim(store, NOW, "tg")
    for _ in range(2):  # the keeper may have to write it again
        settle(store, parcel, "busy", NOW)
    settle(store, claim(store, NOW + 15, "tg"), None, NOW + 15)
    tries = sends.sends_of(store, ["a"])
    assert [(one.at, one.outcome, one.error, one.alerts, one.took) for one in tries] == [
        (NOW, "retry", "busy", 2, 0.25), (NOW + 15, "sent", None, 2, 0.25)
    ]  # fmt: skip
    assert {one.batch for one in sends.sends_of(store, ["a", "b"])} == {parcel.id}
    assert sends.attempts_since(store, "tg", NOW) == [NOW + 15]


def test_the_trouble_of_a_channel_lasts_until_it_takes_something(store: Database) -> None:
    alerts.add(store, alert("a"), CHANNELS, NOW)
    alerts.add(store, alert("b"), ["tg"], NOW + 100)
    settle(store, claim(store, NOW, "mail"), None, NOW)
    assert sends.channel_troubles(store, NOW) == []
    settle(store, claim(store, NOW, "tg", digest=False), "no route", NOW)
    settle(store, claim(store, NOW + 100, "tg", digest=False), "refused", NOW + 100)
    assert sends.channel_troubles(store, NOW + 100) == [("tg", NOW, "refused", 2)]
    settle(store, claim(store, NOW + 300, "tg"), None, NOW + 300)
    assert sends.channel_troubles(store, NOW + 300) == []


_CLAIM = """
from heartbeat_cli.store.outbox import outbox
import os
for _ in range(int(sys.argv[3])):
    parcel = outbox.claim(db, str(os.getpid()), float(sys.argv[2]), 60.0, "tg", digest=False)
    for one in parcel.notifications if parcel else ():
        print(one.id)
"""


def test_two_claimers_at_once_never_get_the_same(store: Database, store_url: str) -> None:
    for number in range(100):
        alerts.add(store, alert(f"a{number}"), ["tg"], NOW)
    said = [set(out.split()) for out in elsewhere(store_url, _CLAIM, NOW, 200)]
    assert said[0].isdisjoint(said[1])
    assert len(said[0] | said[1]) == 100


def test_a_channel_that_another_host_has_is_not_gone(store: Database) -> None:
    """Nor is one that a host may have which has not said what it has, until a day has passed."""
    alerts.add(store, alert("a"), ["of-b", "old"], NOW)
    for host, at in (("here", NOW), ("b", NOW), ("switched-off", NOW - 86_400)):
        gaps.save_watch(store, host, Watch(at, at, 60.0))
    own = ConfiguredChannels("here", "hb.toml", frozenset({"tg"}))
    there = ConfiguredChannels("b", "hb.toml", frozenset({"of-b"}))
    known = [own, ConfiguredChannels("switched-off", "hb.toml", frozenset({"old"}))]
    wanted = store, ["tg", "of-b", "old"], own
    assert channels.removed(*wanted, [*known, there], NOW) == ["old"]
    assert channels.removed(*wanted, [*known, there], NOW + 3_600) == ["of-b", "old"], "b makes no passes any more"
    assert channels.removed(*wanted, known, NOW) == []
    gaps.save_watch(store, "b", Watch(NOW + 90_000, NOW + 90_000, 60.0))
    assert channels.removed(*wanted, known, NOW + 90_000) == ["of-b", "old"]


def test_a_channel_of_another_configuration_of_this_host_is_not_gone(store: Database, tmp_path: Path) -> None:
    """Until its file is: a configuration that was moved has its channels under the new name."""
    (tmp_path / "other.toml").touch()
    own = ConfiguredChannels("here", "hb.toml", frozenset({"tg"}))
    for one in (own, ConfiguredChannels("here", str(tmp_path / "other.toml"), frozenset({"mail"}))):
        channels.save_configured(store, one)
    alerts.add(store, alert("a"), ["mail"], NOW)
    _, known = channels.read(store, NOW)
    assert channels.removed(store, ["mail"], own, known, NOW) == []
    (tmp_path / "other.toml").unlink()
    assert channels.removed(store, ["mail"], own, known, NOW) == ["mail"]
