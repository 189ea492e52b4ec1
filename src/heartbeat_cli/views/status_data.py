"""What the page that everybody may see shows, as one document: `status.json`. The page and the feed are made of it.

So nothing can be on them that is not in it (its schema: docs/reference/status-json.md): no errors, evidence, hosts,
addresses, units, containers, attempts, and of ids only what an SHA-256 with the store's own salt leaves of them.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from heartbeat_cli.config import status_page
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.domain.reporting.board import Known, unconfirmed
from heartbeat_cli.domain.reporting.status_page import STATUSES, Facts, Planned, public_status
from heartbeat_cli.views.rows import iso, late_after
from heartbeat_cli.views.status_words import counted, word
from heartbeat_cli.views.voice import Voice

VERSION = 1
_LEAST_STALE = 180.0
_NAME = 80  # characters


def stale_after(config: Config) -> int:
    """Seconds after which a page that was not written again is old."""
    return round(max(_LEAST_STALE, 3 * config.dashboard.interval))


def title(config: Config, voice: Voice) -> str:
    """The heading."""
    return voice.clean(config.status_page.title, _NAME) or word("title", voice.locale)


def tree(facts: Facts, components: Mapping[str, Component], config: Config, voice: Voice) -> dict[str, Any]:
    """The document. Times are ISO 8601 in UTC, lengths seconds, shares percent; those of the
    whole time are not rounded. `daily_…` have a value for each of the `days`, or none."""
    keys = {id_: key_of(facts, id_) for id_ in components}
    rows = [_component(facts, one, keys[one.id], config, voice) for one in components.values()]
    names = {keys[id_]: row["name"] for id_, row in zip(components, rows, strict=True)}
    status, description, counts = verdict(facts, rows, voice)
    return {
        "schema_version": VERSION,
        "title": title(config, voice),
        "url": config.status_page.url,
        "language": voice.locale,
        "timezone": config.timezone,
        "updated": iso(voice.now),
        "stale_after": stale_after(config),
        "status": status,
        "description": description,
        "counts": counts,
        "states_known": facts.is_read,
        "history_known": facts.has_history,
        "days": [voice.day(at) for at in facts.midnights],
        "components": rows,
        "incidents": [_incident(facts, one, keys, names, voice) for one in facts.incidents if one.component in keys],
        "incidents_complete": facts.is_complete,
        "maintenance": [_planned(facts, one, keys, voice) for one in facts.maintenance],
    }


def key_of(facts: Facts, what: str) -> str:
    """What stands for a component or an incident: always the same, and says nothing."""
    return hashlib.sha256(f"{facts.salt}\n{what}".encode()).hexdigest()[:20]


def verdict(facts: Facts, rows: list[dict[str, Any]], voice: Voice) -> tuple[str, str, dict[str, int]]:
    """The worst status there is, what it comes to in one sentence, and how many components have each."""
    found = Counter(row["status"] for row in rows)
    counts = {status: found[status] for status in STATUSES}
    if not rows:
        return "not_observed", word("verdict_none", voice.locale), counts
    if not facts.is_read:
        return "not_observed", word("verdict_unread", voice.locale), counts
    worst = next(status for status in STATUSES if found[status])
    if worst == "operational":
        return worst, word("verdict_operational", voice.locale), counts
    return worst, counted(worst, found[worst], voice.locale), counts


def _component(facts: Facts, one: Component, key: str, config: Config, voice: Voice) -> dict[str, Any]:
    days, whole = facts.days.get(one.id, ()), Known()
    for day in days:
        whole = whole.plus(day)
    return {
        "id": key,
        "name": voice.clean(status_page.public_name(config, one), _NAME),
        "status": _status(facts, one, voice.now),
        "availability_percent": None if whole.share is None else 100 * whole.share,
        "observed_percent": 100 * whole.coverage,
        "daily_availability_percent": [None if day.share is None else round(100 * day.share, 6) for day in days],
        "daily_observed_percent": [round(100 * day.coverage, 6) for day in days],
    }


def _status(facts: Facts, one: Component, now: float) -> str:
    state, glance = facts.states.get(one.id), facts.glances.get(one.id)
    late = glance is not None and now - glance.at > late_after(one)
    incident = next((each for each in facts.incidents if each.component == one.id and each.ended is None), None)
    alone = not late and unconfirmed(facts.rounds.get(one.id), incident)
    in_maintenance = any(each.is_on(now) and one.id in each.components for each in facts.maintenance)
    return public_status(state, glance, late, alone, in_maintenance)


def _incident(
    facts: Facts, one: Incident, keys: Mapping[str, str], names: Mapping[str, str], voice: Voice
) -> dict[str, Any]:
    outcome = "ongoing" if one.ended is None else "resolved"
    if one.ended is not None and one.id in facts.healed:
        outcome = "resolved_automatically"
    return {
        "id": key_of(facts, one.id),
        "component": keys[one.component],
        "name": names[keys[one.component]],
        "started": iso(one.started),
        "declared": iso(one.declared),
        "ended": iso(one.ended),
        "changed": iso(one.redeclared if one.ended is None else max(one.ended, one.redeclared)),
        "down_seconds": round(one.downtime(voice.now if one.ended is None else one.ended), 6),
        "outages": [{"started": iso(begun), "ended": iso(over)} for begun, over in one.outages],
        "because_of": keys.get(one.held_by or ""),
        "outcome": outcome,
    }


def _planned(facts: Facts, one: Planned, keys: Mapping[str, str], voice: Voice) -> dict[str, Any]:
    return {
        "id": key_of(facts, one.window),
        "starts": iso(one.starts) if one.starts > 0 else None,
        "ends": iso(one.ends) if one.ends != float("inf") else None,
        "now": one.is_on(voice.now),
        "components": [keys[id_] for id_ in one.components],
    }
