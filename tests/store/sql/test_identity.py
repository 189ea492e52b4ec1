"""The identity of a store: made once, agreed on by all, and never carried into another store."""

from heartbeat_cli.store.sql import database, identity, preferences, schema, tables
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import mirror
from tests.parts.stores import TIMEOUT, elsewhere, opened


def test_it_is_made_once_and_stays(store: Database, store_url: str) -> None:
    again = opened(store_url)
    assert len(store.identity) == 16 and again.identity == store.identity
    again.close()


def test_first_openings_at_once_agree(store_url: str) -> None:
    said = elsewhere(store_url, "schema.migrate(db); print(db.identity)", times=4)
    assert len(set(said)) == 1 and len(said[0].strip()) == 16


def test_a_store_of_an_earlier_version_gets_one(store: Database, store_url: str) -> None:
    """Of two hosts that open it first at once, both get the same."""
    store.run("DELETE FROM heartbeat_settings")
    said = elsewhere(store_url, "schema.migrate(db); print(db.identity)", times=3)
    assert len(set(said)) == 1 and said[0].strip() not in ("", store.identity)


def test_opening_costs_one_statement(store: Database, store_url: str) -> None:
    """Identity and watch come with the version that is asked for anyway."""
    preferences.put(store, "watched/here", "[1.0, 2.0]")
    db = database.connect(store_url, TIMEOUT)
    before = db.statements
    schema.migrate(db, "here")
    assert (db.statements - before, db.watch_json, db.identity) == (1, "[1.0, 2.0]", store.identity)
    db.close()


def test_it_does_not_travel(store: Database, tmp_path: object) -> None:
    copy = mirror.snapshot(store, "here", 1.0)
    assert not [name for name, _ in copy["heartbeat_settings"] if name.startswith(identity.LOCAL)]


def test_a_store_succeeds_another_while_it_is_empty_and_as_long_as_a_host_said_so(store: Database) -> None:
    assert identity.succeeds(store, "old")
    identity.save_succession(store, "old")
    store.run(
        "INSERT INTO heartbeat_pass_rows (started, number, took_us, observer, looks, last_hour)"
        " VALUES (to_timestamp(?), 1, 1, 1, 1, 1)",
        (1.0,),
    )
    assert identity.succeeds(store, "old") and not identity.succeeds(store, "foreign")


def test_what_came_with_the_opening_serves_once_and_not_after_a_change(store: Database, store_url: str) -> None:
    preferences.put(store, identity.STRATEGY, "relaxed")
    db = opened(store_url)
    before = db.statements
    assert (preferences.get(db, identity.STRATEGY), db.statements - before) == ("relaxed", 0)
    preferences.put(store, identity.STRATEGY, "aggressive")
    assert preferences.get(db, identity.STRATEGY) == "aggressive"
    db.close()
    db = opened(store_url)
    preferences.put(db, identity.STRATEGY, "balanced")
    assert preferences.get(db, identity.STRATEGY) == "balanced"
    db.close()
    db = opened(store_url)
    tables.SETTINGS.merge(db, [(identity.STRATEGY, "relaxed")])
    assert preferences.get(db, identity.STRATEGY) == "relaxed"
    db.close()
