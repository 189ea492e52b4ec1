"""Other hosts of the store that make no more passes: one alert, by whichever host notices first, and one when they are
back.

Their clocks are not ours: a host is silent when what it last wrote has not changed for so long by our own clock, and
this host was making passes all that time.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.coverage import LONGEST, REACH, Watch, silent_after
from heartbeat_cli.domain.component import goes_to, healed_by
from heartbeat_cli.domain.detection.hosts import healer_gone
from heartbeat_cli.domain.incident import began, incident_id
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.enqueue import (
    add_channels,
    enqueue_end,
    enqueue_host_alert,
    host_alert,
    host_channels,
)
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.quorum import peer_liveness, peers
from heartbeat_cli.store.quorum.peer_liveness import LastSeen
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states
from heartbeat_cli.store.state.silences import Silence
from heartbeat_cli.views import wording


def judge(
    db: Database, config: Config, in_force: Callable[[], Iterable[Silence]], now: float
) -> list[tuple[str, str, str]]:
    """Check all the others; gives what was decided: host, decision, reason."""
    at, seen = peer_liveness.read(db, config.observer)
    watches = gaps.watches(db)
    looking = peer_liveness.was_watching(watches.get(config.observer), at, now)
    found: dict[str, LastSeen] = {}
    decided: list[tuple[str, str, str]] = []
    for host, watch in watches.items():
        if host == config.observer:
            continue
        old = seen.get(host, LastSeen(watch.started, now))
        liveness = old if looking else old._replace(since=now)
        if watch.started != old.started:
            liveness = LastSeen(watch.started, now)
            if old.incident and _enqueue_back(db, config, host, old.incident, now):
                decided.append((host, "observer_back", Text("it makes passes again")))
        elif liveness.incident is not None:
            if _enqueue_withheld(db, config, host, liveness.incident, in_force(), now):
                decided.append((host, "notified", Text("the silence that kept it back is over")))
        elif watch.regular and now - liveness.since > silent_after(watch.every):
            liveness = liveness._replace(incident=incident_id(host, watch.ended))
            if reason := _enqueue(db, config, host, watch, liveness, in_force(), now):
                decided.append((host, "observer_silent", reason))
        found[host] = liveness
    peer_liveness.save(db, config.observer, now, found)
    return decided


def back(db: Database, config: Config, gap: tuple[float, float], now: float) -> bool:
    """This host itself is back after a gap: notify those who were notified that it was silent. False when nobody
    was."""
    return _enqueue_back(db, config, config.observer, incident_id(config.observer, gap[0]), now)


def _enqueue(
    db: Database, config: Config, host: str, watch: Watch, liveness: LastSeen, in_force: Iterable[Silence], now: float
) -> str | None:
    lasted = Text(
        "no pass for {span}, expected every {every}", span=duration(now - liveness.since), every=duration(watch.every)
    )
    details: dict[str, object] = {"started": watch.ended, "cause": lasted, "kind": "observer"}
    details["observer"] = config.observer
    if text := _left_undone(db, config, host, now):
        details["text"] = text
    about = str(liveness.incident)
    alert = host_alert(config, "observer_silent", "high", about, now, lasted, details, host=host)
    made = enqueue_host_alert(db, config, alert, now, in_force)
    return made.reason if made.new else None


def _enqueue_withheld(
    db: Database, config: Config, host: str, about: str, in_force: Iterable[Silence], now: float
) -> bool:
    """A silence kept it back, and is over; the host is silent still."""
    alert, channels = f"{about}/observer_silent", host_channels(config, "high")
    covered = any(goes_to(silence.target, host) for silence in in_force)
    if covered or not channels or alerts.deliveries(db, [alert]):
        return False
    add_channels(db, config, alert, "high", channels, now)
    return True


def _enqueue_back(db: Database, config: Config, host: str, about: str, now: float) -> bool:
    details = {"kind": "observer", "started": began(about)}
    alert = host_alert(config, "observer_back", "low", about, now, Text("it makes passes again"), details, host=host)
    return enqueue_end(db, config, alert, now, weight="high")


def _left_undone(db: Database, config: Config, host: str, now: float) -> str:
    """What nobody checks, and what nobody restarts, now that this host does not, and whether that has to do with the
    faults that are open: a line each."""
    watches = gaps.watches(db)
    gone = {*peer_liveness.silent(db, config.observer, watches, now), host}
    own = [one.id for one in config.components.values() if healed_by(one, host) and healer_gone(one, watches, gone)]
    left = {"nobody_looks": _only_its_own(db, config, host, watches, gone), "nobody_restarts": own}
    lines = [_said(config, key, names=_listed(config, ids)) for key, ids in left.items() if ids]
    return "\n".join([*lines, *_about_faults(db, config, gone)])


def _about_faults(db: Database, config: Config, gone: Collection[str]) -> list[str]:
    """Which open faults other hosts see themselves, so that they do not come from this silence: a line, or none. How
    that is which only silent hosts check is not known anyway."""
    from heartbeat_cli.domain.checking.result import FAILURES

    votes, apart, witnesses = peers.newest_votes(db), list[str](), set[str]()
    for id_ in states.open_incidents(db):
        seen = {one.observer for one in votes.get(id_, ()) if one.status in FAILURES} - {*gone}
        if seen:
            apart.append(id_)
            witnesses |= seen
    if not apart:
        return []
    hosts = wording.word("names_comma", config.heartbeat.locale).join(sorted(witnesses))
    return [_said(config, "faults_apart", names=_listed(config, apart), hosts=hosts)]


def _said(config: Config, key: str, **values: str) -> str:
    return wording.word(key, config.heartbeat.locale, **values)


def _listed(config: Config, ids: Iterable[str]) -> str:
    """Components as the titles call them; one that only another host knows has no name here."""
    names = [config.components[id_].name if id_ in config.components else id_ for id_ in ids]
    return wording.word("names_comma", config.heartbeat.locale).join(names)


def _only_its_own(
    db: Database, config: Config, host: str, watches: Mapping[str, Watch], gone: Collection[str]
) -> list[str]:
    """What nobody checks any more, now that this host does not: what it checked until then, and no other does. Each
    is measured by its own last pass, whatever its clock says. An open fault is left to the hosts that checked it,
    however seldom they did."""
    found, told = [], states.known_to_people(db)
    for id_, votes in peers.newest_votes(db).items():
        one = config.components.get(id_)
        # How often it is checked only its hosts know: what is not in our configuration may be wanted seldom.
        mine, others = (peers.reaches(one),) * 2 if one else (math.inf,) * 2 if id_ in told else (LONGEST, REACH)
        last = {vote.observer: vote.at - watches[vote.observer].started for vote in votes if vote.observer in watches}
        lives = any(ago >= -others for name, ago in last.items() if name not in gone)
        if last.get(host, -math.inf) >= -mine and not lives:
            found.append(id_)
    return found
