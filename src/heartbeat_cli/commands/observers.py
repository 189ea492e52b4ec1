"""`heartbeat observers`: the hosts that write to this store."""

from typing import TYPE_CHECKING, Any

import click

from heartbeat_cli.commands._app import App, format_option, pass_app, print_json, show_table
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import StoreError, UsageError

if TYPE_CHECKING:
    from heartbeat_cli.domain.detection.hosts import Standing

_HEADS = (Text("observer"), Text("State"), Text("last pass"), Text("every"), Text("components"), Text("shared"))
_STATES = {"silent": Text("silent"), "watching": Text("watching")}


@click.command("observers")
@click.option("--forget", "gone", metavar="NAME", help="Forget this host: nobody waits for its passes any more.")
@format_option("table", "json")
@pass_app
def command(app: App, gone: str | None, form: str) -> int:
    """List the hosts that write to this store.

    For each: when it made its last pass, and how many components it checks. A host that has made none for three times
    its interval, and five minutes at least, is silent; the others notify people once, and once when it is back. Exit
    code 1 when one is silent.
    """
    from heartbeat_cli.store.quorum import observers

    if gone is not None:
        return _forget(app, gone)
    with app.store_to_read() as db:
        now = app.now()
        found = [_row(one) for one in observers.standings(db, app.config.components, app.config.observer, now)]
    if form == "json":
        print_json(found)
    elif not found:
        app.remark(Text("no host has made a pass yet"))
    else:
        _show(app, found, now)
    return 1 if any(row["state"] == "silent" for row in found) else 0


def _row(one: "Standing") -> dict[str, Any]:
    from heartbeat_cli.views.rows import iso

    return {
        "observer": one.observer,
        "state": "silent" if one.silent else "watching",
        "last_pass": iso(one.last_pass),
        "every": one.every,
        "components": list(one.components),
        "shared": list(one.shared),
    }


def _show(app: App, found: list[dict[str, Any]], now: float) -> None:
    from datetime import datetime

    from heartbeat_cli.domain.plain import duration
    from heartbeat_cli.views import tables

    rows = []
    for one in found:
        ago = max(0.0, now - datetime.fromisoformat(one["last_pass"]).timestamp())
        cells = (_STATES[one["state"]], Text("{span} ago", span=duration(ago)), duration(one["every"]))
        rows.append((one["observer"], *map(app.words, cells), len(one["components"]), len(one["shared"])))
    show_table(tables.table([app.words(head) for head in _HEADS], [[str(cell) for cell in row] for row in rows]))


def _forget(app: App, host: str) -> int:
    from heartbeat_cli.config.problems import suggestion
    from heartbeat_cli.store.history import gaps
    from heartbeat_cli.store.quorum import peers

    if host == app.config.observer:
        raise UsageError(Text("{host} is this host: take it out of cron, and forget it from another one", host=host))
    try:  # a spool would take it, and never bring it to the store: what is deleted does not travel
        with app.configured_store() as db:
            with db.transaction():
                if not gaps.forget_watch(db, host):
                    raise UsageError(
                        Text("no observer {host}{nearest}", host=repr(host), nearest=suggestion(host, gaps.watches(db)))
                    )
                peers.delete(db, host)
            app.update_mirror(db)
    except StoreError as error:
        raise StoreError(
            Text("{error}; {host} is not forgotten: say it again when the store answers", error=str(error), host=host)
        ) from error
    app.remark(Text("{host}: forgotten; should it make a pass again, it is known again", host=host))
    return 0
