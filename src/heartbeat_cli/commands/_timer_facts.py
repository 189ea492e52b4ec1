"""What the units of `heartbeat timer` are made from: found as the user whom they run as, in a process of that user's
where root asks for another one."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heartbeat_cli.commands._app import App, current_user
from heartbeat_cli.domain.kinds import timer_facts
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import HeartbeatError

if TYPE_CHECKING:
    import pwd

    from heartbeat_cli.domain.kinds.timer_facts import Facts

_OPTION = "--facts"


def of(app: App, install: bool) -> "Facts":
    """The facts of the configuration, as the user who runs this; to `install` units, what they need is made."""
    from heartbeat_cli.commands.crontab import config_path, wanted_tick
    from heartbeat_cli.config import needs
    from heartbeat_cli.passes.housekeeping import lock_held
    from heartbeat_cli.system import cron

    config, path = app.config, config_path()
    found = timer_facts.Facts(
        config=str(path.absolute()) if path else None,
        every=wanted_tick(app),
        limit=float(lock_held.longest_pass(config)),
        needs=needs.needed(config),
        state=os.path.realpath(config.state_dir),
        own_state_dir=config.heartbeat.state_dir is not None,
        own_timezone=config.heartbeat.timezone is not None,
        variables=tuple(cron.wanted_variables(config.tables)),
        locale=config.heartbeat.locale,
    )
    if install:
        _prepare(app, found.state)
    return found


def answer(app: App, folder: str, install: bool) -> None:
    """Print them for `asked`, from `folder` where this user may be there, as the configuration may lie in it."""
    with suppress(OSError):
        os.chdir(folder)
    click.echo(timer_facts.as_json(of(app, install)))


def asked(app: App, user: "pwd.struct_passwd", install: bool) -> "Facts":
    """The facts as a process of that user answers them, which may be anything: they are judged, and the configuration
    is one that root names, or that heartbeat finds by itself. Raises HeartbeatError or UsageError with what it says."""
    from heartbeat_cli.i18n import catalogs
    from heartbeat_cli.system import as_user

    named, folder = app.path or os.environ.get("HEARTBEAT_CONFIG"), _folder()
    path = str(Path(named).absolute()) if named else None
    words = [*(("--config", path) if path else ()), "timer", _OPTION, folder, *(("--install",) if install else ())]
    answered, said = as_user.heartbeat(user, words)
    home = os.path.join(user.pw_dir, ".config/heartbeat/heartbeat.toml")
    found = (os.path.join(folder, "heartbeat.toml"), home, "/etc/heartbeat/heartbeat.toml", None)
    try:
        facts = timer_facts.from_json(answered)
        if facts.config not in ([path] if path else [one and str(Path(one)) for one in found]):
            raise ValueError("config: unexpected value")
    except ValueError as error:
        raise HeartbeatError(
            Text("what {user}'s process answered cannot be used: {why}", user=user.pw_name, why=str(error))
        ) from None
    app.reader = facts.locale if catalogs.available(facts.locale) else catalogs.ENGLISH
    for line in said:
        app.remark(Text("heartbeat: {line}", line=line))
    return facts


def _folder() -> str:
    """Where this process is; the root where that folder has been removed."""
    try:
        return os.getcwd()
    except OSError:
        return "/"


def _prepare(app: App, folder: str) -> None:
    """Make the state folder, which the sandbox must find, with the rights of the user alone: what systemd or root made
    and gave away could be a folder of somebody else's. And refuse a program that another user may exchange. Raises
    HeartbeatError."""
    from heartbeat_cli.system import cron, trusted

    program = cron.program()[0]
    if (why := trusted.why_not(program)) is not None:
        raise HeartbeatError(Text("{program} would be run, and must not be: {why}", program=program, why=why))
    try:
        trusted.make_folder(folder)
        trusted.check(app.config.state_dir)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
    except trusted.Untrusted as error:
        raise HeartbeatError(Text("state folder {folder}: {why}", folder=folder, why=str(error.strerror))) from None
    except OSError as error:
        raise HeartbeatError(
            Text(
                "state folder {folder}: {why}; name one that {user} can make, or make it and give it to {user}",
                folder=folder,
                why=error.strerror or str(error),
                user=current_user(),
            )
        ) from None
