"""Is heartbeat started by itself, and would anybody hear of it? The part of `heartbeat doctor` that checks crontabs,
the cron daemon, systemd timers, the last pass and cron's mail.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.coverage import Watch
from heartbeat_cli.domain.finding import Finding
from heartbeat_cli.domain.kinds import crontab as text
from heartbeat_cli.domain.kinds import schedulers as judged
from heartbeat_cli.errors import HeartbeatError
from heartbeat_cli.system import cron, schedulers


def examine(config: Config, every: int, watch: Watch | None, now: float) -> Iterator[Finding]:
    """Every finding about how heartbeat is started. `every`: seconds between two starts that the strategy wants;
    `watch`: how far this host's regular passes have come, by the store."""
    try:
        own, trouble = cron.read(), ""
    except HeartbeatError as error:
        own, trouble = b"", str(error)
    lines, system = text.jobs(own), _system_wide()
    daemon, sees_all = schedulers.daemon()
    named = "your crontab" if lines else system
    seen = judged.Starters(named, schedulers.timers(), daemon, sees_all)
    yield from _crontab(seen, lines, trouble, every)
    if seen.crontab or not seen.timers:
        yield from _variables(config.tables)
    yield from judged.scheduler(seen, watch, now)
    yield from judged.last_pass(seen, watch, now)
    kinds = [one.kind for one in config.channels.values()]
    yield from judged.mail(kinds, schedulers.mailer(own), seen)


def _crontab(seen: judged.Starters, lines: list[str], trouble: str, every: int) -> Iterator[Finding]:
    """Whether a crontab starts heartbeat, as often as the strategy asks."""
    if lines and len(lines) != 60 // every:
        advice = "`heartbeat crontab --install` brings it up to date"
        yield Finding("crontab", "warn", f"{len(lines)} starts a minute; the strategy wants {60 // every}", advice)
    elif lines:
        yield Finding("crontab", "ok", f"{len(lines)} starts a minute")
    elif seen.crontab:
        yield Finding("crontab", "ok", f"{seen.crontab} starts heartbeat")
    elif seen.timers:
        return
    elif trouble:
        yield Finding("crontab", "warn", trouble, "have something else start `heartbeat run`, as a systemd timer")
    else:
        advice = "`heartbeat crontab --install`, or a systemd timer that starts `heartbeat run`"
        yield Finding("crontab", "warn", "nothing in your crontab starts heartbeat", advice)


def _variables(tables: Mapping[str, Any]) -> Iterator[Finding]:
    for name in cron.wanted_variables(tables):
        advice = "write file:PATH instead, or set the variable in the crontab yourself"
        yield Finding("crontab", "warn", f"the configuration reads ${name}, which cron does not know", advice)


def _system_wide() -> str:
    """The system's crontab that starts heartbeat, if there is one."""
    for path in (Path("/etc/crontab"), *sorted(Path("/etc/cron.d").glob("*"))):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        if any("heartbeat" in line and not line.lstrip().startswith("#") for line in lines):
            return str(path)
    return ""
