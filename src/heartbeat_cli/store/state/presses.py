"""What is kept of buttons that people press: how far each source has been collected, and by which host; and the orders
to recover something that have not been carried out."""

import json
from collections.abc import Iterable
from typing import Any

from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import within
from heartbeat_cli.store.sql.database import Database, placeholders
from heartbeat_cli.store.sql.text import number, storable, understood

# And the source, the component: among the settings.
_SOURCE, _TROUBLE, _ORDER = "presses/", "presses_trouble/", "recover_now/"


class Collecting(Record):
    """How a source stands. `next` is the number of the next press (None: not known), since `moved`; `by` is the host
    that collects, last seen at `seen`; `refused` is when the source was last found to be collected by somebody else,
    `notified` when people were last notified of that. Moments are seconds since the epoch by the store's clock."""

    next: int | None = None
    moved: float = 0.0
    by: str = ""
    seen: float = 0.0
    refused: float | None = None
    notified: float | None = None


class Trouble(Record):
    """That a source cannot be asked: since when (epoch seconds by the store's clock), and why it could not first."""

    since: float
    why: str


class Order(Record):
    """A person's order to recover a component now: for which incident, when it was given, by whom, and the channel that
    hears of it."""

    component: str
    incident: str
    at: float
    by: str
    channel: str


def read(db: Database, source: str) -> tuple[str | None, Collecting, Trouble | None]:
    """How a source stands, as it is stored (for `swap`) and as it is meant, and that it cannot be asked."""
    names = (_SOURCE + source, _TROUBLE + source)
    found: dict[str, str] = dict(db.rows("SELECT name, value FROM heartbeat_settings WHERE name IN (?, ?)", names))
    stored, trouble = (found.get(name) for name in names)
    return stored, understood(stored, _collecting) or Collecting(), understood(trouble, _trouble)


def _trouble(found: Any) -> Trouble:
    since, why = found
    return Trouble(number(since), str(why))


def _collecting(found: Any) -> Collecting:
    following, moved, by, seen, refused, notified = found
    return Collecting(
        None if following is None else int(number(following)),
        number(moved),
        str(by),
        number(seen),
        None if refused is None else number(refused),
        None if notified is None else number(notified),
    )


def swap(db: Database, source: str, stored: str | None, found: Collecting) -> bool:
    """Save how a source stands, unless another process has saved it since `read`: then False. Call it in the
    transaction of what the presses bring about."""
    name, value = _SOURCE + source, storable(json.dumps(found))
    if stored is None:
        sql = "INSERT INTO heartbeat_settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
        return bool(db.run(sql, (name, value)))
    sql = "UPDATE heartbeat_settings SET value = ? WHERE name = ? AND value = ?"
    return bool(db.run(sql, (value, name, stored)))


def note_trouble(db: Database, source: str, found: Trouble | None) -> None:
    """Note that a source cannot be asked, unless that is noted already; None: it can be."""
    if found is None:
        db.run("DELETE FROM heartbeat_settings WHERE name = ?", (_TROUBLE + source,))
        return
    db.said += within(found)
    db.run(
        "INSERT INTO heartbeat_settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        (_TROUBLE + source, storable(json.dumps(found))),
    )


def give_order(db: Database, order: Order) -> None:
    """Save an order; of one component the last counts."""
    db.run(
        "INSERT INTO heartbeat_settings (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (_ORDER + order.component, storable(json.dumps(order[1:]))),
    )


def orders(db: Database) -> list[Order]:
    """The orders that were given and not carried out."""
    rows = db.rows("SELECT name, value FROM heartbeat_settings WHERE name LIKE ? ORDER BY name", (_ORDER + "%",))
    found = [(name.removeprefix(_ORDER), understood(value, _order)) for name, value in rows]
    return [Order(component, *one) for component, one in found if one is not None]


def _order(found: Any) -> tuple[str, float, str, str]:
    incident, at, by, channel = found
    return str(incident), number(at), str(by), str(channel)


def remove_orders(db: Database, done: Iterable[Order]) -> list[Order]:
    """Remove these orders, and return those that were still there: another process may have carried them out."""
    sql = "DELETE FROM heartbeat_settings WHERE name = ? AND value = ?"
    return [one for one in done if db.run(sql, (_ORDER + one.component, storable(json.dumps(one[1:]))))]


def stepped_since(db: Database, found: Iterable[Order]) -> set[str]:
    """The components of these orders on which a step was begun since the order was given."""
    asked = list(found)
    if not asked:
        return set()
    rows = db.rows(
        "SELECT component, max(started) FROM heartbeat_recoveries WHERE outcome <> 'held'"
        f" AND component IN ({placeholders(asked)}) GROUP BY component",
        [one.component for one in asked],
    )
    newest: dict[str, float] = dict(rows)
    return {one.component for one in asked if newest.get(one.component, 0.0) >= one.at}
