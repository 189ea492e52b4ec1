"""`heartbeat observers`: the hosts that keep their passes in this store."""

from typing import TYPE_CHECKING, Any

import click

from heartbeat_cli.commands._app import App, format_option, pass_app, print_json, say, show_table
from heartbeat_cli.errors import StoreError, UsageError

if TYPE_CHECKING:
    from heartbeat_cli.domain.coverage import Watch
    from heartbeat_cli.domain.quorum import Vote


@click.command("observers")
@click.option("--forget", "gone", metavar="NAME", help="This host is none any more; nobody waits for it.")
@format_option("table", "json")
@pass_app
def command(app: App, gone: str | None, form: str) -> int:
    """List the hosts that keep their passes in this store: when each made its last one, and what it looks at.

    A host that has made none for three times its own distance, and five minutes at least, is silent; the others tell
    of it once, and once when it is back. Exit code 1 when one is silent.
    """
    from heartbeat_cli.store import company, gaps

    if gone is not None:
        return _forget(app, gone)
    with app.store() as db:
        watches, votes, now = gaps.watches(db), company.lookers(db), app.now()
    found = [_row(app, host, watch, votes, now) for host, watch in watches.items()]
    if form == "json":
        print_json(found)
    elif not found:
        say("no host has made a pass yet")
    else:
        _show(app, found, now)
    return 1 if any(row["state"] == "silent" for row in found) else 0


def _row(app: App, host: str, watch: "Watch", votes: dict[str, list["Vote"]], now: float) -> dict[str, Any]:
    from heartbeat_cli.domain.hosts import is_silent
    from heartbeat_cli.views.rows import iso

    looks = {id_: max((one.at for one in of if one.observer == host), default=0.0) for id_, of in votes.items()}
    fresh = [id_ for id_, at in looks.items() if at and at >= watch.started - _far(app, id_)]
    shared = [id_ for id_ in fresh if id_ in app.config.components and _others(votes[id_], host, looks[id_], app, id_)]
    return {
        "observer": host,
        "state": "silent" if is_silent(watch, now) else "watching",
        "last_pass": iso(watch.started),
        "every": watch.every,
        "components": sorted(fresh),
        "shared": sorted(shared),
    }


def _far(app: App, id_: str) -> float:
    from heartbeat_cli.domain.coverage import REACH
    from heartbeat_cli.store import company

    one = app.config.components.get(id_)
    return company.reaches(one) if one else REACH


def _others(votes: list["Vote"], host: str, at: float, app: App, id_: str) -> bool:
    return any(one.observer != host and one.at > at - _far(app, id_) for one in votes)


def _show(app: App, found: list[dict[str, Any]], now: float) -> None:
    from datetime import datetime

    from heartbeat_cli.domain.plain import duration
    from heartbeat_cli.views import tables

    rows = []
    for one in found:
        ago = max(0.0, now - datetime.fromisoformat(one["last_pass"]).timestamp())
        cells = (one["observer"], one["state"], f"{duration(ago)} ago", duration(one["every"]))
        rows.append((*cells, len(one["components"]), len(one["shared"])))
    heads = ("observer", "state", "last pass", "every", "components", "shared")
    show_table(tables.table(heads, [[str(cell) for cell in row] for row in rows]))


def _forget(app: App, host: str) -> int:
    from heartbeat_cli.settings import nearest
    from heartbeat_cli.store import company, gaps

    if host == app.config.observer:
        raise UsageError(f"{host} is this host: take it out of cron, and forget it from another one")
    try:  # a spool would take it, and never bring it to the store: what is deleted does not travel
        with app.configured_store() as db:
            with db.transaction():
                if not gaps.forget_watch(db, host):
                    raise UsageError(f"no observer {host!r}{nearest(host, gaps.watches(db))}")
                company.forget(db, host)
            app.remember(db)
    except StoreError as error:
        raise StoreError(f"{error}; {host} is not forgotten: say it again when the store answers") from error
    say(f"{host}: forgotten; should it make a pass again, it is known again")
    return 0
