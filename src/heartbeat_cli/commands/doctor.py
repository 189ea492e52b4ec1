"""`heartbeat doctor`: examine everything that heartbeat depends on."""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from heartbeat_cli.commands._app import App, format_option, pass_app, print_json
from heartbeat_cli.errors import ConfigError, HeartbeatError

if TYPE_CHECKING:
    from heartbeat_cli.domain.checking.coverage import Watch
    from heartbeat_cli.domain.finding import Finding

_MARKS = {"ok": "ok  ", "warn": "warn", "bad": "BAD "}
_COLORS = {"ok": "green", "warn": "yellow", "bad": "red"}


@click.command("doctor")
@format_option("table", "json")
@pass_app
def command(app: App, form: str) -> int:
    """Examine everything heartbeat depends on, and say what to do.

    Configuration, the owners of its files, store, state folder and lock, whether the hosts that components name are
    known, each component of this host once, channels (nothing is sent), the rights to use Docker and systemctl and to
    take each recovery step, what starts heartbeat (crontab, cron daemon, systemd timer), when the last pass was made,
    whether cron can mail what is printed, and the time zone. Nothing is stored or restarted.
    Exit code 2 when something must be corrected.
    """
    app.discovers = True
    found = []
    for finding in map(_clean, _findings(app)):
        found.append(finding)
        if form == "table":
            _print(finding)
    if form == "json":
        print_json([one._asdict() for one in found])
    return 2 if any(one.level == "bad" for one in found) else 0


def _findings(app: App) -> "Iterator[Finding]":
    from heartbeat_cli.commands.crontab import config_path, wanted_tick
    from heartbeat_cli.domain.finding import Finding
    from heartbeat_cli.passes.doctor import checks, connections, hosts, owners, permissions, starters, units

    try:
        config = app.config
    except ConfigError as error:
        for line in error.problems:
            yield Finding("config", "bad", line, "mend the file; `heartbeat kinds` shows what it may hold")
        return
    yield from checks.configuration(config, config_path())
    yield from checks.warnings(config)
    yield from owners.texts(config)
    yield from checks.state_folder(config)
    stores = list(checks.store(app.configured_store(), config.store))
    yield from stores
    if all(one.level == "ok" for one in stores):
        yield from hosts.named(config, _observers(app))
    yield from checks.components(config, app.now())
    yield from connections.findings(config)
    yield from checks.channels(config)
    yield from checks.proxy(config, os.environ)
    yield from permissions.docker(config, os.environ)
    yield from permissions.systemd(config)
    yield from permissions.ladders(config)
    yield from units.findings(config)
    yield from starters.examine(config, wanted_tick(app, quiet=True), _watch(app), app.now())
    yield from checks.time_zone(config, app.now())


def _observers(app: App) -> Collection[str]:
    """The hosts that have made a pass into the store."""
    from heartbeat_cli.store.history import gaps

    with suppress(HeartbeatError), app.configured_store() as db:
        return gaps.watches(db)
    return ()


def _watch(app: App) -> "Watch | None":
    """How far this host's regular passes have come."""
    from heartbeat_cli.store.history import gaps

    with suppress(HeartbeatError), app.configured_store() as db:
        return gaps.watch(db, app.config.observer)
    return None


def _clean(finding: "Finding") -> "Finding":
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.redact import redact

    return finding._replace(text=redact(one_line(finding.text, 600)), advice=redact(finding.advice))


def _print(finding: "Finding") -> None:
    mark = click.style(_MARKS[finding.level], fg=_COLORS[finding.level])
    click.echo(f"{mark}  {finding.topic}: {finding.text}")
    if finding.advice and finding.level != "ok":
        click.echo(f"      → {finding.advice}")
