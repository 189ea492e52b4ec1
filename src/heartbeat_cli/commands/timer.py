"""`heartbeat timer`: the systemd units that start heartbeat in place of cron, printed or installed."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from heartbeat_cli.commands._app import App, current_user, pass_app
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import HeartbeatError, UsageError

if TYPE_CHECKING:
    import pwd

    from heartbeat_cli.domain.kinds.timer_facts import Facts
    from heartbeat_cli.domain.kinds.timer_units import Units
    from heartbeat_cli.system.units import Manager


@click.command("timer")
@click.option("--install", is_flag=True, help="Write the units, in place of older ones, and start the timer.")
@click.option("--remove", is_flag=True, help="Stop the timer and delete its units.")
@click.option("--user", is_flag=True, help="Units of your own user, which need no root, in place of the system's.")
@click.option("--run-as", metavar="USER", help="The user that system units run as; default: the one who calls this.")
@click.option("--facts", metavar="FOLDER", hidden=True)  # by root's call with --run-as, as that user
@pass_app
def command(app: App, install: bool, remove: bool, user: bool, run_as: str | None, facts: str | None) -> None:
    """Print or install the systemd units that start heartbeat.

    A timer and a service take the place of the crontab lines: the timer starts `heartbeat run` as often as the
    strategy, or the shortest interval of a component, asks for. What the service may do follows from the configuration,
    so install them again when `heartbeat doctor` says that they are out of date. Without an option the units are
    printed. Units that this command has not made are left alone.

    \b
    Example:
      sudo heartbeat timer --install --run-as heartbeat
      heartbeat timer --install --user
    """
    from heartbeat_cli.commands import _timer_facts
    from heartbeat_cli.system import units

    if facts is not None:
        _timer_facts.answer(app, facts, install)
        return
    if run_as and not remove and os.geteuid() == 0:
        app.reader = "en"
    if install and remove:
        raise UsageError(Text("--install and --remove exclude each other"))
    if user and run_as:
        raise UsageError(Text("--user and --run-as exclude each other: your own units run as you"))
    where = units.manager(user)
    if (install or remove) and not user and os.geteuid() != 0:
        raise HeartbeatError(
            Text(
                "only root may install units of the system: call it by sudo, with `--run-as {user}`, or use --user",
                user=current_user(),
            )
        )
    if remove:
        _remove(app, where)
    else:
        _print_or_install(app, where, run_as, install)


def _print_or_install(app: App, where: "Manager", run_as: str | None, install: bool) -> None:
    from heartbeat_cli.commands import _timer_facts
    from heartbeat_cli.domain.kinds import timer_units
    from heartbeat_cli.system import as_user, units

    version = units.version(where)
    account = as_user.account(run_as) if run_as else None
    if account is not None and account.pw_uid != os.geteuid() and os.geteuid() != 0:
        raise UsageError(Text("--run-as: only root may name another user"))
    other = account if os.geteuid() == 0 else None
    facts = _timer_facts.asked(app, other, install) if other else _timer_facts.of(app, install)
    wanted = _wanted(where, facts, other)
    wanted = wanted._replace(name=units.name_for(where, wanted.source), version=version)
    try:
        texts = (timer_units.service(wanted), timer_units.timer(wanted))
    except ValueError as error:
        raise UsageError(str(error)) from error
    for remark in _variables(facts.variables, where, wanted):
        app.remark(remark)
    if not install:
        for kind, text in zip(units.KINDS, texts, strict=True):
            click.echo(f"# {where.path(wanted.name, kind)}\n{text}")
        return
    if units.install(where, wanted.name, texts):
        name = f"{wanted.name}.timer"
        app.remark(Text("timer: {name} starts heartbeat every {every} s now", name=name, every=wanted.every))
    else:
        app.remark(Text("timer: nothing to change"))
    for remark in _afterwards(where, wanted):
        app.remark(remark)


def _wanted(where: "Manager", facts: "Facts", other: "pwd.struct_passwd | None") -> "Units":
    """What the units are made from, but for their name and the version of systemd. The program and the variables are
    those of this process, also where the facts are of another user."""
    from heartbeat_cli.config import places
    from heartbeat_cli.domain.kinds.timer_units import Units
    from heartbeat_cli.system import cron, mounts

    return Units(
        name="",
        source=_source(facts.config or places.BUILT_IN),
        job=cron.job(
            Path(facts.config) if facts.config else None,
            state_dir=facts.own_state_dir,
            timezone=facts.own_timezone,
            own_home=other is None,
        ),
        every=facts.every,
        limit=facts.limit,
        needs=facts.needs,
        state=facts.state,
        user=None if where.user else other.pw_name if other else current_user().removeprefix("uid "),
        root=(other.pw_uid if other else os.geteuid()) == 0,
        system_folders=mounts.without_mounts(("/etc", "/usr")),
    )


def _variables(names: Iterable[str], where: "Manager", wanted: "Units") -> Iterator[Text]:
    for name in names:
        yield Text(
            "heartbeat: systemd does not know ${name}, which the configuration reads; use file:PATH for it instead, or"
            " an EnvironmentFile= by `{systemctl} edit {unit}`",
            name=name,
            systemctl=where.word,
            unit=f"{wanted.name}.service",
        )


def _afterwards(where: "Manager", wanted: "Units") -> Iterator[Text]:
    """What else starts heartbeat, and whether the timer goes on without its user."""
    from heartbeat_cli.commands.crontab import another_timer
    from heartbeat_cli.passes.doctor import starters
    from heartbeat_cli.system import schedulers, units

    user = wanted.user or current_user()
    other = None if user == current_user() else user
    config = Path(wanted.job.config) if wanted.job.config else None
    if crontab := starters.crontab_that_starts(config, other):
        sudo = f"sudo -u {quote(user)} " if other else ""
        yield Text(
            "heartbeat: {crontab} starts heartbeat, too; one of the two is enough: {remedy}",
            crontab=crontab,
            remedy=Text("delete its line")
            if crontab.startswith("/")
            else Text("`{command}` takes its lines out", command=f"{sudo}heartbeat crontab --remove"),
        )
    for one in schedulers.timers(config=config):
        if one.active and (one.name, one.user) != (f"{wanted.name}.timer", where.user):
            yield another_timer(one)
    if where.user and not units.lingers(user):
        yield Text(
            "heartbeat: the timer runs only while you are logged in; `loginctl enable-linger {user}` has it run always",
            user=user,
        )


def _remove(app: App, where: "Manager") -> None:
    """By the path of the configuration alone, which may be gone already."""
    from heartbeat_cli.config import places
    from heartbeat_cli.system import units

    with suppress(HeartbeatError):  # only for the reader's language
        _ = app.config
    source = _source(_named(app) or places.BUILT_IN)
    name = units.installed(where, source)
    if name is None:
        app.remark(Text("timer: nothing to change"))
        return
    units.remove(where, name, source)
    app.remark(Text("timer: {name} is removed", name=f"{name}.timer"))


def _source(config: str) -> str:
    """What the units are made for, by the path of the configuration or what stands for it."""
    from heartbeat_cli.config import places
    from heartbeat_cli.domain.kinds.timer_units import NO_FILE

    return NO_FILE if config == places.BUILT_IN else places.absolute(config)


def _named(app: App) -> str:
    from heartbeat_cli.config import load

    named = app.path or os.environ.get("HEARTBEAT_CONFIG")
    return named or str(load.find(None) or "")
