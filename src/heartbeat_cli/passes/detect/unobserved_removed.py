"""Components that were removed while people knew that they could not be checked: whoever was notified learns that it is
over, and the state goes, so that people are notified when such a component is unobserved again. Used by detection.
"""

from collections.abc import Iterator, Mapping, MutableMapping

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import ENDS, Alert
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.passes.alerting.enqueue import enqueue_to, host_alert
from heartbeat_cli.passes.detect import unobserved
from heartbeat_cli.passes.detect.removed import Gone
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states


def end(
    db: Database, config: Config, known: MutableMapping[str, State], gone: Mapping[str, Gone], now: float
) -> Iterator[tuple[str, str, str]]:
    """Delete the states of components that are `gone` (why, by id), and end the alerts that none of the others shares;
    yields component, decision and reason. What stood for a block can be checked again: its components are known."""
    abouts = {state.unobserved_alert: id_ for id_, state in known.items() if id_ in gone and state.unobserved_alert}
    for id_ in gone:
        states.delete_state(db, id_)
        del known[id_]
    shared = {state.unobserved_alert for state in known.values()}
    for about, id_ in sorted(abouts.items()):
        if about is None or about in shared or any(one.type in ENDS for one in alerts.of_incident(db, about)):
            continue
        if gone[id_].observed:
            yield from unobserved.notify_end(unobserved.Scene(db, config, known, now), about)
        else:
            yield from _unwatched(db, config, about, id_, gone[id_].reason, now)


def _unwatched(
    db: Database, config: Config, about: str, id_: str, reason: str, now: float
) -> Iterator[tuple[str, str, str]]:
    begun: Alert | None = next(iter(alerts.of_incident(db, about)), None)
    details: dict[str, object] = {"observer": config.observer}
    if begun is not None:
        details |= {"cause": begun.details.get("cause"), "started": begun.began}
    alert = host_alert(config, "unwatched", "low", about, now, reason, details, host=id_)
    if enqueue_to(db, config, alert, alerts.notified_channels(db, about), now):
        yield id_, "unwatched", reason
