"""`heartbeat crontab`: what cron must start, printed or installed."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heartbeat_cli.commands._app import App, pass_app, print_remark
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import HeartbeatError, UsageError

if TYPE_CHECKING:
    from heartbeat_cli.domain.kinds.schedulers import Timer


@click.command("crontab")
@click.option("--install", is_flag=True, help="Put the lines into your crontab, in place of older ones.")
@click.option("--remove", is_flag=True, help="Take the lines out of your crontab.")
@click.option(
    "--jitter",
    type=click.FloatRange(0, 59),
    default=0.0,
    metavar="SECONDS",
    help="Start up to so many seconds late, each host by its own share, to spare what several hosts check.",
)
@pass_app
def command(app: App, install: bool, remove: bool, jitter: float) -> None:
    """Print or install the crontab lines that start heartbeat.

    cron starts `heartbeat run` as often as the strategy, or the shortest interval of a component, asks for. The lines
    stand between `# heartbeat begin` and `# heartbeat end`; the rest of your crontab stays as it is.

    \b
    Example:
      heartbeat strategy set aggressive && heartbeat crontab --install
    """
    from heartbeat_cli.system import cron

    if install and remove:
        raise UsageError(Text("--install and --remove exclude each other"))
    if remove:
        _change(app, cron.read(), None)
        return
    lines = _lines(app, jitter)
    for name in cron.wanted_variables(app.config.tables):
        print_remark(
            Text(
                "heartbeat: cron does not know ${name}, which the configuration reads; use file:PATH for it instead",
                name=name,
            )
        )
    if install:
        _change(app, cron.read(), lines)
        _tell_of_timers(app)
    else:
        click.echo(lines, nl=False)


def _lines(app: App, jitter: float) -> str:
    from heartbeat_cli.domain.kinds import crontab
    from heartbeat_cli.system import cron

    every, own = wanted_tick(app), app.config.heartbeat
    job = cron.job(config_path(), state_dir=own.state_dir is not None, timezone=own.timezone is not None)
    try:
        return crontab.block(job, every, crontab.offset(app.config.observer, jitter, every))
    except ValueError as error:
        raise UsageError(str(error)) from error


def wanted_tick(app: App, quiet: bool = False) -> int:
    """Seconds between two starts that the strategy in force and this host's components ask for."""
    from heartbeat_cli.domain.component import watched_by
    from heartbeat_cli.domain.kinds import crontab
    from heartbeat_cli.domain.strategy import STRATEGIES
    from heartbeat_cli.passes.check import check

    config = app.config
    try:
        with app.store_to_read() as db:
            pace = check.strategy(db, config)
    except HeartbeatError as error:  # of the store or the state folder
        pace = STRATEGIES[config.heartbeat.strategy]
        is_new = config.heartbeat.store is None and not os.path.exists(config.state_dir)
        if not quiet and not is_new:
            app.remark(
                Text(
                    "heartbeat: {error}; taking the strategy of the configuration, {name}",
                    error=str(error),
                    name=pace.name,
                )
            )
    mine = [one for one in config.components.values() if watched_by(one, config.observer)]
    wanted = [one.interval(pace) for one in mine]
    every = crontab.tick(pace.interval, wanted)
    if not quiet and (shortest := min(wanted, default=every)) < every:
        app.remark(
            Text(
                "heartbeat: an interval of {shortest:g} s is wanted; a pass is started every {every} s at most",
                shortest=shortest,
                every=every,
            )
        )
    return every


def _tell_of_timers(app: App) -> None:
    """Whether a systemd timer starts heartbeat as well."""
    from heartbeat_cli.system import schedulers

    for one in schedulers.timers(config=config_path()):
        if one.active:
            app.remark(another_timer(one))


def another_timer(timer: "Timer") -> Text:
    """That this timer starts heartbeat besides what was just installed."""
    return Text(
        "heartbeat: the systemd timer {name} starts heartbeat, too; one of the two is enough: `{command}` removes it",
        name=timer.name,
        command=f"heartbeat timer --remove{' --user' if timer.user else ''}",
    )


def config_path() -> Path | None:
    """The configuration file in use."""
    from heartbeat_cli.config import load

    return load.find(click.get_current_context().find_root().params.get("config"))


def _change(app: App, old: bytes, lines: str | None) -> None:
    """Install the merged crontab, if it differs."""
    from heartbeat_cli.domain.kinds import crontab
    from heartbeat_cli.system import cron

    try:
        new = crontab.merged(old, lines)
    except ValueError as error:
        raise HeartbeatError(
            Text("your crontab holds {error}; mend it with `crontab -e` first", error=str(error))
        ) from error
    if new == old:
        app.remark(Text("crontab: nothing to change"))
        return
    cron.write(new)
    if lines is None:
        app.remark(Text("crontab: heartbeat's lines are taken out"))
    else:
        app.remark(Text("crontab: heartbeat starts {count} times a minute now", count=len(crontab.jobs(new))))
