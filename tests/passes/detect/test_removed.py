"""What hosts with configurations of their own do about faults of what they do not check: each is another host's for as
long as that host watches, however seldom it checks, and none stays open for ever."""

from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import load as configuration
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.passes.check import check
from heartbeat_cli.store.history import gaps, last_checks, passes
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.quorum import peers
from heartbeat_cli.store.sql.database import Database
from tests.parts.scene import START, Scene

GOOD, BAD = Reading("healthy", 0.1), Reading("error", None, "no route")
TICK = {"kind": "file", "path": "/etc/passwd"}
BACKUP = {"kind": "file", "path": "/nonexistent", "interval": 86_400, "fail_threshold": 1}
HOUR = 3_600.0


class Two:
    """Two hosts over one store, each with its own components and a pass every ten minutes."""

    def __init__(self, db: Database, url: str, folder: Path) -> None:
        self.db, self.url, self.folder, self.now = db, url, folder, START
        self.scenes: dict[str, Scene] = {}

    def configure(self, name: str, **components: Any) -> None:
        own = {f"{name}-tick": TICK, **components}
        self.scenes[name] = Scene(self.db, self.url, self.folder, own, heartbeat={"observer": name})

    def turn(self, name: str, **seen: Reading) -> list[str]:
        """A regular pass of one host, judged."""
        scene, self.now = self.scenes[name], self.now + 1
        scene.now = self.now
        done = passes.Pass(check.pass_id(name, self.now), name, self.now, self.now + 0.5)
        check.save(self.db, scene.config, check.Checked(done, {f"{name}-tick": GOOD, **seen}, 600.0))
        return [one for one in scene.detect() if one.split()[0] in ("backup", "web")]

    def rounds(self, hours: float, *names: str) -> list[str]:
        """Passes of these hosts that check nothing but what is well; what was decided."""
        decided = []
        until = self.now + hours * HOUR
        while self.now < until:
            decided += [said for name in names for said in self.turn(name)]
            self.now += 600 - len(names)
        return decided

    @property
    def open(self) -> list[str]:
        return [row[0] for row in self.db.rows("SELECT component FROM heartbeat_incidents WHERE ended IS NULL")]

    def text(self, type_: str) -> Any:
        return [one.details.get("text") for one in alerts.between(self.db, 0.0, 9e9) if one.type == type_]


@pytest.fixture
def two(store: Database, store_url: str, tmp_path: Path) -> Two:
    """`a` has a daily check, which is in fault."""
    found = Two(store, store_url, tmp_path)
    found.configure("a", backup=BACKUP)
    found.configure("b")
    found.rounds(1, "a", "b")
    assert found.turn("a", backup=BAD) == ["backup opened"]
    return found


def test_what_is_checked_once_a_day_is_left_to_the_host_that_checks_it(two: Two) -> None:
    assert two.rounds(23, "a", "b") == [] and two.open == ["backup"]
    assert two.turn("a", backup=BAD) == []
    assert two.rounds(9, "a", "b") == [] and two.open == ["backup"]


def test_the_host_whose_configuration_has_lost_it_closes_it(two: Two) -> None:
    two.rounds(8, "a", "b")
    two.configure("a")
    assert two.turn("b") == [] and two.turn("a") == ["backup closed"]


def test_a_host_that_is_gone_is_named_with_what_it_leaves_and_forgotten(two: Two) -> None:
    """Its daily check was seven hours old when it went."""
    two.rounds(7, "a", "b")
    assert two.rounds(30, "b") == [] and two.open == ["backup"]
    assert two.text("observer_silent") == ["Nobody checks these now, so how they are is not known: a-tick, backup"]
    gaps.forget_watch(two.db, "a")
    peers.delete(two.db, "a")
    assert two.turn("b") == ["backup closed"]


def test_a_host_that_only_ever_ran_by_hand_holds_nothing_open_for_ever(two: Two) -> None:
    """Nobody is notified that such a host is silent."""
    two.db.run("DELETE FROM heartbeat_settings WHERE name = 'watched/a'")
    two.turn("a", backup=BAD)
    assert two.rounds(5.5, "b") == []
    assert two.rounds(1, "b") == ["backup closed"] and two.text("observer_silent") == []


def test_what_both_hosts_had_is_closed_by_the_last_that_loses_it(two: Two) -> None:
    two.configure("b", backup=BACKUP)
    two.turn("b", backup=BAD)
    two.configure("a")
    assert two.rounds(8, "a", "b") == [] and two.open == ["backup"]
    assert [name for name, _ in last_checks.checked_by(two.db, "backup")] == ["b"], "a has given it up"
    two.configure("b")
    assert two.rounds(1, "a", "b") == ["backup closed"]


def test_two_hosts_that_lose_it_at_the_same_time_do_not_wait_for_each_other(two: Two) -> None:
    two.configure("b", backup=BACKUP)
    two.turn("b", backup=BAD)
    two.configure("a")
    two.configure("b")
    assert two.rounds(0.75, "a", "b") == [], "perhaps somebody is at work on the configuration"
    assert two.rounds(1, "a", "b") == ["backup closed"]


def test_one_that_leaves_it_to_another_host_does_not_hold_it_open(two: Two) -> None:
    """`a` leaves it to `b`, which has no such component."""
    two.configure("a", backup=BACKUP | {"observer": "b"})
    assert two.rounds(5.5, "a", "b") == []
    assert two.rounds(1, "a", "b") == ["backup closed"], "as long as its check may count"


def test_a_configuration_that_cannot_say_what_it_has_gives_nothing_up(two: Two) -> None:
    """The file that the component was read from is away, on the host that checked it."""
    scene = two.scenes["a"]
    lost = BACKUP | {"each": {"from_file": str(two.folder / "none.json")}}
    components = {"a-tick": TICK, "{name}": lost}
    scene.config = configuration.load({**scene.tables, "components": components}, "heartbeat.toml", two.folder)
    assert two.rounds(12, "a", "b") == [] and two.open == ["backup"]
