"""While the store is away a host says nothing about what only others check: it cannot know how that is, on both
stores."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.coverage import Degraded
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.passes.check import check
from heartbeat_cli.store.history import passes
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import mirror, spool
from heartbeat_cli.store.state import silences
from heartbeat_cli.store.state.silences import Silence
from tests.parts.scene import START, Scene

GOOD, SLOW, BAD = Reading("healthy", 0.1), Reading("degraded", 0.9), Reading("error", None, "no route")
TCP = {"kind": "tcp", "host": "127.0.0.1", "port": 1, "fail_threshold": 1}
HOUR = 3_600.0


class Pair:
    """Hosts `a` and `b` over one store; `apart` takes it away from `a`."""

    def __init__(self, store: Database, url: str, folder: Path, stack: ExitStack) -> None:
        self._made, self._folder, self._stack, self.now = (store, url), folder, stack, START
        self.scenes: dict[str, Scene] = {}

    def have(self, name: str, components: dict[str, Any], phone: float | None = None) -> None:
        """The configuration of a host from now on; `phone`: seconds until its second channel is notified."""
        later = {} if phone is None else {"escalate_after": phone}
        channels = {"log": {}} | ({} if phone is None else {"phone": later})
        files = {id_: {"kind": "file", "path": str(self._folder / id_)} | more for id_, more in channels.items()}
        before = self.scenes.get(name)
        scene = Scene(*self._made, self._folder, components, files, heartbeat={"observer": name, "remind_after": HOUR})
        scene.db = before.db if before else scene.db
        self.scenes[name] = scene

    def turn(self, name: str, after: float = 60.0, **seen: Reading) -> list[str]:
        """A regular pass of a host, judged and delivered."""
        scene, self.now = self.scenes[name], self.now + after
        scene.now = self.now
        done = passes.Pass(check.pass_id(name, self.now), name, self.now, self.now + 1)
        check.save(scene.db, scene.config, check.Checked(done, seen))
        decided = scene.detect()
        scene.deliver()
        return decided

    def apart(self) -> None:
        """From now on `a` works with a spool."""
        db = self._made[0]
        begun = Degraded("a@1", "a", self.now, "the store does not answer")
        self.scenes["a"].db = spool.begin(
            self._folder / "spool.db", lambda: mirror.snapshot(db, "a", self.now), begun, 3.0
        )
        self._stack.callback(self.scenes["a"].db.close)


@pytest.fixture
def pair(store: Database, store_url: str, tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(store, store_url, tmp_path, stack)


BOTH = {"mine": TCP | {"observer": "a"}, "theirs": TCP | {"observer": "b"}, "shared": TCP | {"quorum": 2}}


def both(pair: Pair, components: dict[str, Any], **more: Any) -> None:
    for name in "ab":
        pair.have(name, components, **more)


def test_nobody_is_reminded_of_what_only_another_host_checks(pair: Pair) -> None:
    both(pair, BOTH, phone=2 * HOUR)
    pair.turn("a", mine=BAD)
    pair.turn("b", theirs=BAD)
    pair.apart()
    assert pair.turn("a", HOUR, mine=BAD) == ["mine reminded"]
    assert pair.turn("a", HOUR, mine=BAD) == ["mine escalated"]


def test_with_the_store_any_host_reminds_of_anything(pair: Pair) -> None:
    both(pair, BOTH)
    pair.turn("b", theirs=BAD)
    assert pair.turn("a", HOUR, mine=GOOD) == ["theirs reminded"]


@pytest.mark.parametrize(("seen", "decided"), [(BAD, ["shared reminded"]), (GOOD, []), (SLOW, [])])
def test_of_what_others_check_too_only_while_this_host_sees_it_fail(
    pair: Pair, seen: Reading, decided: list[str]
) -> None:
    both(pair, BOTH)
    for _ in range(2):
        for name in "ab":
            pair.turn(name, shared=BAD)
    pair.apart()
    assert [one for one in pair.turn("a", HOUR, shared=seen) if "reminded" in one] == decided


@pytest.mark.parametrize(("observer", "decided"), [("a", ["web notified"]), ("b", [])])
def test_what_a_silence_withheld_is_sent_by_who_checks_it(pair: Pair, observer: str, decided: list[str]) -> None:
    both(pair, {"web": TCP | {"observer": observer}, "other": TCP})
    silences.add(pair.scenes["a"].db, Silence("s", "web", "silence", START, START + 600, "", "kim"))
    assert pair.turn(observer, web=BAD) == ["web opened"]
    assert pair.turn("a", other=GOOD) == []
    pair.apart()
    assert pair.turn("a", 600, other=GOOD) == decided
    assert len(alerts.deliveries(pair.scenes["a"].db, [a.id for a in alerts.between(pair.scenes["a"].db, 0, 9e9)])) == (
        len(decided)
    )


OTHER, WEB = {"other": TCP}, {"web": TCP, "other": TCP}


def test_what_only_another_host_checks_is_not_closed(pair: Pair) -> None:
    pair.have("a", OTHER)
    pair.have("b", WEB)
    assert pair.turn("b", web=BAD, other=GOOD) == ["web opened"]
    assert pair.turn("a", other=GOOD) == []
    pair.apart()
    assert pair.turn("a", other=GOOD) + pair.turn("a", 5 * HOUR, other=GOOD) == []


@pytest.mark.parametrize("since", ["before the fault", "in the fault"])
def test_nor_what_another_host_has_taken_over(pair: Pair, since: str) -> None:
    pair.have("a", WEB)
    pair.have("b", OTHER)
    pair.turn("a", web=GOOD if since == "before the fault" else BAD, other=GOOD)
    pair.have("a", OTHER)
    pair.have("b", WEB)
    pair.turn("b", 2 * HOUR, web=BAD, other=GOOD)
    assert pair.turn("a", other=GOOD) == []
    pair.apart()
    assert pair.turn("a", other=GOOD) + pair.turn("a", 5 * HOUR, other=GOOD) == []


def test_what_only_this_host_has_checked_is_closed(pair: Pair) -> None:
    pair.have("a", WEB)
    assert pair.turn("a", web=BAD, other=GOOD) == ["web opened"]
    pair.apart()
    pair.have("a", OTHER)
    assert pair.turn("a", other=GOOD) == []
    assert pair.turn("a", HOUR, other=GOOD) == ["web closed"]
