"""Whether everything was told of, once, and nothing else: the script of a soak compared with what the store has and
with what the other sides took. Public tables only."""

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from bench._soak_left import Store
from bench._soak_script import STEP, Script
from bench._soak_world import Arrival

_SHIFT = 8  # passes that a fault may begin late by: passes that were killed, a beat that is not late yet


class Verdict(NamedTuple):
    """`wrong`, one line each; incidents and messages as they are; messages taken again after their answer was lost."""

    wrong: tuple[str, ...]
    incidents: int
    messages: int
    again: int


def judge(script: Script, start: float, store: Store, arrivals: list[Arrival]) -> Verdict:
    """`start` is when the first pass began (epoch seconds)."""
    incidents = store.ask(
        f"SELECT id, component, {_epoch(store, 'started')}, ended IS NOT NULL FROM heartbeat_incidents ORDER BY started"
    )
    wrong = [*_incidents(script, start, incidents), *_alerts(store, incidents)]
    keys = _keys(store)
    told, again, more = _arrived(script, arrivals, keys)
    for alert, channel, state in store.ask("SELECT alert_id, channel, state FROM heartbeat_outbox"):
        if state != "sent":
            more.append(f"{alert} on {channel} is {state}")
        elif not told[channel, alert]:
            more.append(f"{alert} is called sent and never arrived on {channel}")
    addressed = {row[0] for row in store.ask("SELECT DISTINCT alert_id FROM heartbeat_outbox")}
    for alert, component in store.ask("SELECT alert_id, component FROM heartbeat_alert_rows"):
        if alert not in addressed and component != "quiet":
            more.append(f"{alert} was for nobody")
    return Verdict((*wrong, *more), len(incidents), len(arrivals), again)


def _epoch(store: Store, column: str) -> str:
    return f"EXTRACT(EPOCH FROM {column})" if type(store).__name__ == "Postgres" else column


def _incidents(script: Script, start: float, incidents: list[tuple[Any, ...]]) -> list[str]:
    """Each lasting fault made one, which is over; nothing else made any."""
    wrong = [f"{id_} has not ended" for id_, *_, ended in incidents if not ended]
    left = [(id_, component, float(began)) for id_, component, began, _ in incidents]
    for fault in (one for one in script.troubles if one.lasting):
        first = start + script.seconds(fault.first) - STEP / 2
        last = start + script.seconds(max(fault.last, fault.first + _SHIFT)) + STEP
        found = [one for one in left if one[1] == fault.what and first <= one[2] <= last]
        if len(found) != 1:
            wrong.append(f"{fault}: {len(found)} incidents")
        left = [one for one in left if one not in found]
    return wrong + [f"{one[0]}: nothing in the script is the cause of it" for one in left]


def _alerts(store: Store, incidents: list[tuple[Any, ...]]) -> list[str]:
    """Each incident has one alert for its beginning and one for its end."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for incident, kind in store.ask("SELECT incident, alert_type FROM heartbeat_alert_rows WHERE incident IS NOT NULL"):
        kinds[incident]["down" if kind.endswith("_down") else kind] += 1
    return [
        f"{id_}: {word} told {kinds[id_][word]} times"
        for id_, *_ in incidents
        for word in ("down", "recovered")
        if kinds[id_][word] != 1
    ]


def _keys(store: Store) -> dict[tuple[str, Any], set[str]]:
    """The alerts that a message tells, by channel and by what the other side knows it by."""
    found: dict[tuple[str, Any], set[str]] = defaultdict(set)
    columns = "channel, batch, alert_id"
    rows = store.ask(f"SELECT {columns} FROM heartbeat_sends UNION SELECT {columns} FROM heartbeat_outbox")
    for channel, batch, alert in rows:
        found[channel, batch].add(alert)
        found[channel, alert].add(alert)
    at = _epoch(store, "alert_time")
    moments = {}
    for alert, kind, component, moment in store.ask(
        f"SELECT alert_id, alert_type, component, {at} FROM heartbeat_alert_rows"
    ):
        found["mail", (kind, component, int(moment))].add(alert)
        moments[alert] = moment
    # An incident that was over before it was told of is told in one mail, which bears the time of its end.
    for (channel, key), alerts in list(found.items()):
        if channel == "mail" and isinstance(key, str) and len(alerts) > 1:
            found["mail", ("digest", "heartbeat", int(max(moments[alert] for alert in alerts)))] |= alerts
    return found


def _arrived(
    script: Script, arrivals: list[Arrival], keys: dict[tuple[str, Any], set[str]]
) -> tuple[dict[tuple[str, str], int], int, list[str]]:
    """How often each alert arrived on a channel; how often again with reason; and without."""
    seen: dict[tuple[str, str], list[Arrival]] = defaultdict(list)
    wrong = []
    for one in arrivals:
        alerts = keys.get((one.channel, one.key), set())
        if not alerts:
            wrong.append(f"{one.channel}: nobody knows of {one.key}")
        for alert in alerts:
            seen[one.channel, alert].append(one)
    again = 0
    for (channel, alert), many in seen.items():
        for before in many[:-1]:
            again += 1
            if not before.lost and before.number not in script.killed:
                wrong.append(f"{channel}: {alert} again, though it was taken in pass {before.number}")
    return defaultdict(int, {key: len(many) for key, many in seen.items()}), again, wrong
