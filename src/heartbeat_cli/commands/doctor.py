"""`heartbeat doctor`: examine everything that heartbeat depends on."""

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from heartbeat_cli.commands._app import App, format_option, pass_app, print_json
from heartbeat_cli.domain.plain import printable
from heartbeat_cli.errors import ConfigError, HeartbeatError

if TYPE_CHECKING:
    from heartbeat_cli.domain.checking.coverage import Watch
    from heartbeat_cli.domain.finding import Finding

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
    A table has one line a class of problem and ends with a verdict. Exit code 2 when something must be corrected.
    """
    from heartbeat_cli.views import findings

    app.discovers = True
    found: list[Finding] = []
    levels: list[str] = []
    for family in _families(app):
        made = [_clean(one, app.secrets) for one in family]
        found += made
        for same in findings.classes(made) if form == "table" else ():
            levels.append(same[0].level)
            _print(same, _locale(app))
    if form == "json":
        print_json([one._asdict() for one in found])
    else:
        _conclude(levels, _locale(app))
    return 2 if any(one.level == "bad" for one in found) else 0


def _families(app: App) -> "Iterator[Iterable[Finding]]":
    """The findings, those that may be of one class together."""
    from heartbeat_cli.commands.crontab import config_path, wanted_tick
    from heartbeat_cli.domain.finding import Finding
    from heartbeat_cli.domain.text import Text
    from heartbeat_cli.passes.doctor import checks, connections, doubles, hosts, owners, permissions, starters, units

    try:
        config = app.config
    except ConfigError as error:
        advice = Text("mend the file; `heartbeat kinds` shows what it may hold")
        yield [Finding("config", "bad", line, advice) for line in error.problems]
        return
    yield checks.configuration(config, config_path())
    yield checks.warnings(config)
    yield checks.plug_ins(config)
    yield doubles.findings(config)
    yield owners.texts(config)
    yield checks.state_folder(config)
    stores = list(checks.store(app.configured_store(), config.store))
    yield stores
    if all(one.level == "ok" for one in stores):
        yield hosts.named(config, _observers(app))
    yield checks.components(config, app.now())
    yield connections.findings(config)
    yield connections.variables()
    yield checks.channels(config)
    yield _buttons(app)
    yield checks.proxy(config, os.environ)
    yield permissions.docker(config, os.environ)
    yield permissions.systemd(config)
    yield permissions.ladders(config)
    yield units.findings(config)
    yield starters.examine(config, config_path(), wanted_tick(app, quiet=True), _watch(app), app.now())
    yield checks.time_zone(config, app.now())


def _observers(app: App) -> Collection[str]:
    """The hosts that have made a pass into the store."""
    from heartbeat_cli.store.history import gaps

    with suppress(HeartbeatError), app.configured_store() as db:
        return gaps.watches(db)
    return ()


def _buttons(app: App) -> "Iterator[Finding]":
    """Buttons under messages that do nothing, because what was pressed cannot be collected."""
    from heartbeat_cli.domain.finding import Finding
    from heartbeat_cli.domain.text import Text
    from heartbeat_cli.passes.buttons import troubles

    with suppress(HeartbeatError), app.configured_store() as db:
        for one in troubles.lasting(db, app.config, app.now()):
            yield Finding(Text("buttons"), "warn", one.text, one.advice)


def _watch(app: App) -> "Watch | None":
    """How far this host's regular passes have come."""
    from heartbeat_cli.store.history import gaps

    with suppress(HeartbeatError), app.configured_store() as db:
        return gaps.watch(db, app.config.observer)
    return None


def _clean(finding: "Finding", secrets: Collection[str]) -> "Finding":
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.redact import redact

    text = redact(one_line(finding.text, 600), secrets)
    return finding._replace(text=text, advice=redact(finding.advice, secrets))


def _locale(app: App) -> str:
    """The reader's language; English while the configuration cannot be read."""
    return app.config.heartbeat.locale if "config" in app.__dict__ else "en"


def _print(same: "list[Finding]", locale: str) -> None:
    from heartbeat_cli.views import findings

    level = same[0].level
    click.echo(f"{_mark(level, locale)}  {printable(findings.line(same, locale))}")
    if level != "ok" and (advice := findings.advice(same, locale)):
        click.echo(f"      → {printable(advice)}")


def _conclude(levels: list[str], locale: str) -> None:
    """The last line: what all of it comes to."""
    from heartbeat_cli.domain.text import Text
    from heartbeat_cli.i18n.catalogs import translated
    from heartbeat_cli.views import findings

    level, text = findings.verdict(levels)
    click.echo(f"\n{_mark(level, locale)}  {translated(Text('verdict: {text}', text=text), locale)}")


def _mark(level: str, locale: str) -> str:
    from heartbeat_cli.i18n.catalogs import word
    from heartbeat_cli.views.findings import MARKS

    return click.style(word(MARKS[level], locale), fg=_COLORS[level])
