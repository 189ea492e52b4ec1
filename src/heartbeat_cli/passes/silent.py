"""Other hosts of the store that make no more passes: told once, by whichever host notices first, and once when they are
back.

Their clocks are not ours: a host is silent when what it last wrote has not changed for so long by our own clock, and we
were looking all that time.
"""

import json
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from heartbeat_cli.config import Config
from heartbeat_cli.domain.alert import Alert
from heartbeat_cli.domain.component import healed_by
from heartbeat_cli.domain.coverage import REACH, Watch
from heartbeat_cli.domain.hosts import LEAST, after, healer_gone
from heartbeat_cli.domain.incident import incident_id
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.passes.tell import add, muted, tell_of_observer
from heartbeat_cli.store import alerts, company, gaps, preferences
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.silences import Silence
from heartbeat_cli.views import wording

_SIGHTS = "sights/"  # and the observer, among the settings: when it looked at the others last, and what it saw


class _Sight(NamedTuple):
    """The start of a host's last pass by its clock, since when that has stood still by ours, and the incident that was
    made of it."""

    started: float
    since: float
    told: str | None = None


def watch_over(
    db: Database, config: Config, quiet: Callable[[], Iterable[Silence]], now: float
) -> list[tuple[str, str, str]]:
    """Look at all the others; gives what was decided: host, decision, reason."""
    name = _SIGHTS + config.observer
    at, seen = json.loads(preferences.get(db, name) or "[0, {}]")
    looking = 0 <= now - at <= LEAST
    found, decided = {}, []
    for host, watch in gaps.watches(db).items():
        if host == config.observer:
            continue
        old = _Sight(*seen[host]) if host in seen else _Sight(watch.started, now)
        sight = old if looking else old._replace(since=now)
        if watch.started != old.started:
            sight = _Sight(watch.started, now)
            if old.told and _told_back(db, config, host, old.told, now):
                decided.append((host, "observer_back", "it makes passes again"))
        elif sight.told is None and now - sight.since > after(watch.every):
            sight = sight._replace(told=incident_id(host, watch.ended))
            if reason := _told(db, config, host, watch, sight, quiet(), now):
                decided.append((host, "observer_silent", reason))
        found[host] = sight
    preferences.put(db, name, json.dumps([now, found]))
    return decided


def back(db: Database, config: Config, gap: tuple[float, float], now: float) -> bool:
    """This host itself is back after a gap: tell it those who heard that it was silent. False when nobody did."""
    return _told_back(db, config, config.observer, incident_id(config.observer, gap[0]), now)


def _told(
    db: Database, config: Config, host: str, watch: Watch, sight: _Sight, quiet: Iterable[Silence], now: float
) -> str | None:
    lasted = f"no pass for {duration(now - sight.since)}, expected every {duration(watch.every)}"
    alert = _alert(config, "observer_silent", host, str(sight.told), now, lasted)
    text = _left_undone(db, config, host, now)
    details = {"started": watch.ended, "cause": lasted, "kind": "observer", "observer": config.observer}
    alert = alert._replace(details=details | ({"text": text} if text else {}))
    for silence in quiet:
        if fnmatchcase(host, silence.target):
            new = add(db, config, muted(alert, silence), (), now)
            return f"{lasted}; muted: {silence.kind} {silence.id}" if new else None
    return lasted if tell_of_observer(db, config, alert, now) else None


def _told_back(db: Database, config: Config, host: str, about: str, now: float) -> bool:
    heard = alerts.told(db, about)
    if not heard:
        return False
    alert = _alert(config, "observer_back", host, about, now, "it makes passes again")
    began = int(about.rpartition("@")[2]) / 1000
    return add(db, config, alert._replace(details={"kind": "observer", "started": began}), heard, now, weight="high")


def _alert(config: Config, kind: str, host: str, about: str, now: float, reason: str) -> Alert:
    return Alert(
        id=f"{about}/{kind}",
        type=kind,
        severity="high" if kind == "observer_silent" else "low",
        title=wording.observer_title(kind, host, config.heartbeat.locale),
        component=host,
        at=now,
        incident=about,
        reason=reason,
    )


def _left_undone(db: Database, config: Config, host: str, now: float) -> str:
    """What nobody looks at, and what nobody restarts, now that this host does not: a line each."""
    watches = {name: one for name, one in gaps.watches(db).items() if name != host}
    own = [one.id for one in config.components.values() if healed_by(one, host) and healer_gone(one, watches, now)]
    left = {"nobody_looks": _only_its_own(db, host, now), "nobody_restarts": own}
    return "\n".join(
        wording.word(key, config.heartbeat.locale, names=", ".join(names)) for key, names in left.items() if names
    )


def _only_its_own(db: Database, host: str, now: float) -> list[str]:
    """What nobody looks at any more, now that this host does not."""
    return [
        id_
        for id_, votes in company.lookers(db).items()
        if any(one.observer == host for one in votes)
        and not any(one.observer != host and one.at > now - REACH for one in votes)
    ]
