"""Migrations: applied once, however many come at once, and never over a newer store."""

from contextlib import closing
from pathlib import Path

import pytest

from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import StoreError
from heartbeat_cli.i18n.catalogs import translated
from heartbeat_cli.store.sql import database, preferences, schema, sentences, tables
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.dialects import render
from tests.parts.stores import elsewhere, opened

PUBLIC = {
    "heartbeat_logs": "component, status, response_time, error, timestamp",
    "heartbeat_state": "component, state, fail_count, success_count",
    "heartbeat_alerts": "alert_id, alert_type, severity, title, component, alert_time",
    "system_metrics": "metric_name, metric_value, metric_type, component, timestamp, metadata",
}


def test_the_names_people_query_are_there(store: Database) -> None:
    for name, columns in PUBLIC.items():
        assert store.rows(f"SELECT {columns} FROM {name}") == []


def test_migrating_again_changes_nothing(store: Database, store_url: str) -> None:
    preferences.put(store, "strategy", "aggressive")
    for _ in range(2):
        schema.migrate(store)
    again = opened(store_url)
    assert preferences.get(again, "strategy") == "aggressive"
    assert again.rows("SELECT version FROM heartbeat_schema") == [(len(schema.MIGRATIONS),)]
    again.close()


def test_first_starts_at_once_do_not_collide(store_url: str) -> None:
    said = elsewhere(store_url, "schema.migrate(db); print('made')", times=4)
    assert said == ["made\n"] * 4
    db = database.connect(store_url, 10.0)
    assert db.rows("SELECT version FROM heartbeat_schema") == [(len(schema.MIGRATIONS),)]
    db.close()


def test_the_very_first_opening_at_once_does_not_collide(tmp_path: Path) -> None:
    """SQLite makes the file itself and changes its journal mode, which wants it alone for a moment."""
    import subprocess
    import sys

    code = (
        "import sys; from heartbeat_cli.store.sql import database, schema;"
        "db = database.connect(sys.argv[1], 10.0); schema.migrate(db)"
    )
    url = f"sqlite:///{tmp_path / 'new' / 'store.db'}"
    running = [subprocess.Popen([sys.executable, "-c", code, url], stderr=subprocess.PIPE) for _ in range(6)]
    for one in running:
        _, err = one.communicate(timeout=60)
        assert one.returncode == 0, err.decode()


def test_a_newer_store_is_refused_and_left_alone(store: Database) -> None:
    store.run("UPDATE heartbeat_schema SET version = 999")
    with pytest.raises(StoreError, match=r"made by a newer heartbeat \(schema 999, .*upgrade heartbeat on this host$"):
        schema.migrate(store)
    assert store.rows("SELECT version FROM heartbeat_schema") == [(999,)]


def test_a_failed_migration_leaves_nothing_behind(store_url: str) -> None:
    db = database.connect(store_url, 10.0)
    db.run("CREATE VIEW heartbeat_alerts AS SELECT 1 AS stranger")
    with pytest.raises(StoreError, match="already exists"):
        schema.migrate(db)
    with pytest.raises(StoreError):
        db.rows("SELECT 1 FROM heartbeat_state")
    db.run("DROP VIEW heartbeat_alerts")
    schema.migrate(db)
    db.close()


def test_a_store_from_before_sentences_keeps_its_lines_and_learns_new_ones(store: Database, store_url: str) -> None:
    """Version 8 has a table for what sentences were made of; a line that an earlier version stored stays as it is."""
    store.run("DROP TABLE heartbeat_texts")
    for table, columns in {"incidents": ("relapses", "category", "remedy"), "looks": ("failure",)}.items():
        for column in columns:
            store.run(f"ALTER TABLE heartbeat_{table} DROP COLUMN {column}")
    preferences.put(store, "line", "is being stopped")
    store.run("UPDATE heartbeat_schema SET version = 7")
    with closing(database.connect(store_url, 10.0)) as again:
        schema.migrate(again)
        line = preferences.get(again, "line") or ""
        assert translated(sentences.known(again, line, "zh-HK"), "zh-HK") == "is being stopped"
        with again.transaction():
            preferences.put(again, "line", Text("is being stopped"))
        assert translated(sentences.known(again, line, "zh-HK"), "zh-HK") == "正被停止"


def test_views_that_people_made_outlive_the_category(store: Database, store_url: str) -> None:
    """Of version 9: its view of heartbeats had no category."""
    for table, columns in {"incidents": ("category", "remedy"), "looks": ("failure",)}.items():
        for column in columns:
            store.run(f"ALTER TABLE heartbeat_{table} DROP COLUMN {column}")
    (made,) = [text for text in schema._NARROW_PASSES if text.startswith("CREATE VIEW heartbeat_logs")]
    store.run("DROP VIEW heartbeat_logs")
    store.run(render(made, store.dialect))
    store.run("CREATE VIEW mine AS SELECT component, attempts FROM heartbeat_logs")
    store.run("UPDATE heartbeat_schema SET version = 9")
    with closing(database.connect(store_url, 10.0)) as again:
        schema.migrate(again)
        assert again.rows("SELECT component, attempts FROM mine") == []
        assert again.rows("SELECT category FROM heartbeat_logs") == []


def test_which_columns_may_be_empty_is_known_of_every_table_that_is_copied(tmp_path: Path) -> None:
    db = schema.open_store(f"sqlite:///{tmp_path}/store.db", 5)
    for table in tables.ALL:
        known = db.rows(f"SELECT name, \"notnull\" OR pk FROM pragma_table_info('{table.name}')")
        optional = {name for name, required in known if not required}
        assert table.optional == optional.intersection(table.columns), table.name
    db.close()
