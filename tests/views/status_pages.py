"""Status pages to be looked at: nothing there, a good day, the deployment in trouble after three months, attacks."""

from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from heartbeat_cli.config import status_page as shown
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.domain.plain import json_text
from heartbeat_cli.domain.reporting.status_page import Facts
from heartbeat_cli.store.board import status_page as store
from heartbeat_cli.store.state import silences, states
from heartbeat_cli.views import status_data, status_feed, status_page, voice
from tests.parts import deployment

NOW = 1_795_000_000.0
_NAMES = {"openclaw-postgres": "Storage", "gateway": "Gateway", "sshd": "Remote access"}


class Made(NamedTuple):
    """The three files; `tree` is the JSON as values."""

    page: str
    feed: str
    json: str
    tree: dict[str, Any]


def rendered(db: Any, config: Config, now: float = NOW) -> Made:
    """The files of what is in the store."""
    components = shown.shown(config)
    facts = store.read(db, config, components, ZoneInfo(config.timezone), now)
    return made_of(facts, config, now)


def made_of(facts: Facts, config: Config, now: float = NOW) -> Made:
    """The files of these facts."""
    components, spoken = shown.shown(config), voice.of(config, now)
    tree = status_data.tree(facts, components, config, spoken)
    page = status_page.page(tree, facts, components, config, spoken)
    return Made(page, status_feed.feed(tree, facts, config, spoken), json_text(tree), tree)


def config(folder: Path, locale: str = "en", **sections: Any) -> Config:
    page = {"url": "https://status.example.org/status.html", "title": "Example", "names": _NAMES}
    page["components"] = ["agent", "db", "docker", "sshd", "host"]
    soon = {"backup": {"cron": "30 12 * * sun", "duration": "2h", "components": ["db"]}}
    soon["move"] = {"from": "2026-11-25T22:00:00", "until": "2026-11-26T01:00:00"}
    sections = {"status_page": page, "maintenance": soon, **sections}
    return deployment.config(folder, heartbeat={"locale": locale}, **sections)


def empty(folder: Path) -> Made:
    made = deployment.config(folder, components={})
    with deployment.store(made) as db:
        return rendered(db, made)


def good(folder: Path, locale: str = "en") -> Made:
    made = config(folder, locale)
    with deployment.store(made) as db:
        deployment.live(db, made, NOW, deployment.calm, step=600.0, span=deployment.HOUR * 4)
        deployment.past(db, made, NOW - deployment.HOUR * 4)
        return rendered(db, made)


def troubled(folder: Path, locale: str = "en", now: float = NOW, step: float = 600.0) -> Made:
    """The deployment on a bad day, after three months, one in maintenance, others over."""
    made = config(folder, locale)
    with deployment.store(made) as db:
        trouble(db, made, now, step)
        return rendered(db, made, now)


def trouble(db: Any, made: Config, now: float = NOW, step: float = 600.0) -> None:
    """Live through that."""
    deployment.live(db, made, now, deployment.trouble, step=step)
    deployment.past(db, made, now - deployment.DAY)
    quiet = silences.Silence("a1", "gateway", "maintenance", now - 60, now + 3600, "works", "ann")
    silences.add(db, quiet)
    for days, lasted, id_ in ((12.3, 2_900.0, "gateway"), (19.4, 700.0, "coding"), (61.5, 18_000.0, "db")):
        begun = now - days * deployment.DAY
        one = Incident(f"{id_}@{round(begun * 1000)}", id_, "agent", "high", "no answer", begun, begun + 90)
        states.save_incident(db, one._replace(ended=begun + lasted))
