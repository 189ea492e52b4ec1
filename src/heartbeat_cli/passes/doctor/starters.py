"""Is heartbeat started by itself, and would anybody hear of it? The part of `heartbeat doctor` that checks crontabs,
the cron daemon, systemd timers, the last pass and cron's mail.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from heartbeat_cli.config import needs
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.coverage import Watch
from heartbeat_cli.domain.finding import Finding
from heartbeat_cli.domain.kinds import crontab as text
from heartbeat_cli.domain.kinds import schedulers as judged
from heartbeat_cli.domain.kinds import timer_units
from heartbeat_cli.domain.plain import lines_of
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import HeartbeatError
from heartbeat_cli.passes.housekeeping import lock_held
from heartbeat_cli.system import cron, schedulers

_MOST = 1_000_000  # characters of a crontab that are read


def examine(config: Config, path: Path | None, every: int, watch: Watch | None, now: float) -> Iterator[Finding]:
    """Every finding about how heartbeat is started. `path`: the configuration file in use; `every`: seconds between two
    starts that the strategy wants; `watch`: how far this host's regular passes have come, by the store."""
    try:
        own, trouble = cron.read(), ""
    except HeartbeatError as error:
        own, trouble = b"", str(error)
    lines, system = text.jobs(own), system_wide(path)
    daemon, sees_all = schedulers.daemon()
    named = Text("your crontab") if lines else system
    seen = judged.Starters(named, schedulers.timers(config=path), daemon, sees_all)
    yield from _crontab(seen, lines, trouble, every)
    if any(one.made_for or one.gives_folders_to for one in seen.timers):
        state = os.path.realpath(config.state_dir)
        limit = lock_held.longest_pass(config)
        yield from judged.outdated(seen, timer_units.made_for(every, limit, needs.needed(config), state))
    if seen.crontab or not seen.timers:
        yield from _variables(config.tables)
    yield from judged.scheduler(seen, watch, now)
    yield from judged.last_pass(seen, watch, now)
    kinds = [one.kind for one in config.channels.values()]
    yield from judged.mail(kinds, schedulers.mailer(own), seen)


def _crontab(seen: judged.Starters, lines: list[str], trouble: str, every: int) -> Iterator[Finding]:
    """Whether a crontab starts heartbeat, as often as the strategy asks."""
    if lines and len(lines) != 60 // every:
        advice = Text("`heartbeat crontab --install` brings it up to date")
        yield Finding(
            "crontab",
            "warn",
            Text("{count} starts a minute; the strategy wants {wanted}", count=len(lines), wanted=60 // every),
            advice,
        )
    elif lines:
        yield Finding("crontab", "ok", Text("{count} starts a minute", count=len(lines)))
    elif seen.crontab:
        yield Finding("crontab", "ok", Text("{crontab} starts heartbeat", crontab=seen.crontab))
    elif seen.timers:
        return
    elif trouble:
        advice = Text("have something else start `heartbeat run`, as `heartbeat timer --install` does")
        yield Finding("crontab", "warn", trouble, advice)
    else:
        advice = Text("`heartbeat crontab --install`, or `heartbeat timer --install`")
        yield Finding("crontab", "warn", Text("nothing in your crontab starts heartbeat"), advice)


def _variables(tables: Mapping[str, Any]) -> Iterator[Finding]:
    for name in cron.wanted_variables(tables):
        advice = Text("write file:PATH instead, or set the variable in the crontab yourself")
        yield Finding(
            "crontab", "warn", Text("the configuration reads ${name}, which cron does not know", name=name), advice
        )


def crontab_that_starts(path: Path | None, user: str | None = None) -> str:
    """The crontab that starts heartbeat: this user's, or that of another `user` (for root), or one of the system's; ""
    where there is none."""
    try:
        lines = text.jobs(cron.read(user))
    except HeartbeatError:
        lines = []
    if not lines:
        return system_wide(path)
    return Text("the crontab of {user}", user=user) if user else Text("your crontab")


def system_wide(config: Path | None, folder: Path = Path("/etc")) -> str:
    """The system's crontab with a line that starts this program with this configuration, if there is one."""
    for path in (folder / "crontab", *sorted((folder / "cron.d").glob("*"))):
        try:
            with path.open(encoding="utf-8") as file:
                lines = lines_of(file.read(_MOST))
        except (OSError, UnicodeDecodeError):
            continue
        if any(_starts_this(words, config) for line in lines if (words := text.system_command(line))):
            return str(path)
    return ""


def _starts_this(words: list[str], config: Path | None) -> bool:
    """Whether a command starts heartbeat, and with this configuration where it names one."""
    named = text.named_configuration(words)
    if named is None:
        return False
    return named == "" or (config is not None and os.path.realpath(named) == os.path.realpath(config))
