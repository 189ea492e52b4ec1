"""People's orders to recover something now: taken by the host that recovers it, and answered with what came of it."""

from collections.abc import Iterable, Sequence
from typing import Any

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import healed_by
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.buttons.effects import tell
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import presses, states
from heartbeat_cli.store.state.presses import Order
from heartbeat_cli.views.wording import word

_OLD = 900.0  # seconds after which an order that no host has carried out is void
_FORGOTTEN = 4 * _OLD  # seconds after which it is removed without an answer


def take(db: Database, config: Config, now: float) -> list[Order]:
    """The orders for this host. Those that are void are removed, and answered."""
    found = _known(db, now)
    if not found:
        return []
    incidents, stepped = states.open_incidents(db), presses.stepped_since(db, found)
    due, void = [], []
    for one in found:
        incident, component = incidents.get(one.component), config.components.get(one.component)
        if incident is None or incident.id != one.incident:
            void.append((one, Text("its incident is over")))
        elif one.component in stepped:
            void.append((one, Text("a step was begun since")))
        elif abs(now - one.at) >= _OLD:  # hosts' clocks may be minutes apart
            void.append((one, Text("no host has carried it out in time")))
        elif component is not None and healed_by(component, config.observer):
            due.append(one)
    for one, why in void:
        answer(db, config, [one], now, cause=why)
    return due


def _known(db: Database, now: float) -> list[Order]:
    """The orders that somebody still waits for. Those that were left behind are removed: nothing was in fault since."""
    found = presses.orders(db)
    if left := [one for one in found if abs(now - one.at) >= _FORGOTTEN]:
        with db.transaction():
            presses.remove_orders(db, left)
    return [one for one in found if one not in left]


def settle(db: Database, config: Config, taken: Sequence[Order], results: Iterable[Any], now: float) -> None:
    """Remove the orders that recovery has decided about, and answer each with what came of it; `results` are what
    recovery returned."""
    by_component: dict[str, list[Any]] = {}
    for result in results:
        by_component.setdefault(result.component, []).append(result)
    for one in taken:
        found = by_component.get(one.component, [])
        ran = [[each.action, each.outcome, each.reason] for each in found if each.outcome]
        if ran:
            answer(db, config, [one], now, attempts=ran)
        elif found:
            answer(db, config, [one], now, cause=found[-1].reason)


def answer(db: Database, config: Config, orders: Iterable[Order], now: float, **details: object) -> None:
    """Remove orders, and say in their chats what came of them; not where another process has done so."""
    with db.transaction():
        for one in presses.remove_orders(db, orders):
            component = config.components.get(one.component)
            name = component.name if component is not None else one.component
            title = word("pressed_result", config.heartbeat.locale, name=name)
            id_ = f"{one.incident}/{round(one.at * 1000)}"
            tell(db, config, id_, one.channel, title, one.by, now, **details)
