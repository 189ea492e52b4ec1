"""Dashboards to be looked at: empty, one component, the deployment in trouble, 500 components."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.store.board import board
from heartbeat_cli.store.state import silences
from heartbeat_cli.views import dashboard
from tests.parts import deployment

NOW = 1_795_000_000.0
_PLACES = ("Shop", "Warehouse", "Office", "Laboratory")


def rendered(db: Any, config: Config, now: float = NOW) -> str:
    """The page of what is in the store."""
    found = board.read(db, config, ZoneInfo("Asia/Hong_Kong"), now)
    return dashboard.page(found, config, now)


def empty(folder: Path) -> str:
    config = deployment.config(folder, components={})
    with deployment.store(config) as db:
        return rendered(db, config)


def single(folder: Path) -> str:
    config = deployment.config(folder, components={"only": {"kind": "tcp", "host": "localhost", "port": 1}})
    with deployment.store(config) as db:
        deployment.live(db, config, NOW, lambda *_: Reading("healthy", 0.01), step=600.0)
        return rendered(db, config)


def troubled(folder: Path, locale: str = "en", now: float = NOW, step: float = 600.0) -> str:
    """The deployment on a bad day, after three months, with a silence on top."""
    config = deployment.config(folder, heartbeat={"locale": locale})
    with deployment.store(config) as db:
        deployment.live(db, config, now, deployment.trouble, step=step)
        deployment.past(db, config, now - deployment.DAY)
        quiet = silences.Silence("a1", "weather", "silence", now - 60, now + 3600, "works", "ann")
        silences.add(db, quiet)
        return rendered(db, config, now)


def crowded(
    folder: Path, now: float = NOW, step: float = 600.0, past: bool = False, numbers: Iterable[int] = range(500)
) -> str:
    """Components of these numbers in four groups of their own, 42, 141 and 242 not well; looked at for an hour, or for
    90 days."""
    components = {
        f"unit-{n:03d}": {"kind": "tcp", "host": "localhost", "port": 1000 + n, "group": _PLACES[n % len(_PLACES)]}
        for n in numbers
    }
    config = deployment.config(folder, components=components)
    with deployment.store(config) as db:
        deployment.live(db, config, now, _some_bad, step=step, span=3600.0)
        if past:
            deployment.past(db, config, now - 3600.0)
        return rendered(db, config, now)


def _some_bad(id_: str, ago: float, chance: Any) -> Reading:
    if id_ in ("unit-042", "unit-242"):
        return Reading("error", None, "connection refused")
    return (
        Reading("degraded", 2.0, "slow: 2 s") if id_ == "unit-141" else Reading("healthy", chance.uniform(0.01, 0.02))
    )
