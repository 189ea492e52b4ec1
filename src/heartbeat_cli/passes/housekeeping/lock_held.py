"""Notifies that the lock of this host has been held for longer than a pass may take, so that nothing is checked: once
for each holder, and once when the lock is free again.

The pass that finds it has no lock: it writes a row or two, as `ack` does, and delivers under the outbox's leases.
"""

import os
from contextlib import suppress
from pathlib import Path
from shlex import quote

from heartbeat_cli.config import places
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.plain import duration, one_line
from heartbeat_cli.domain.strategy import STRATEGIES
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.enqueue import enqueue_end, enqueue_host_alert, host_alert
from heartbeat_cli.redact import redact
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.system import process
from heartbeat_cli.system.files import read_own, write_own
from heartbeat_cli.system.lock import HELD, Busy

_COMMAND = 160  # characters of the holder's command line
# Seconds that a pass is given for what has no limit in the configuration: the questions before a step, a drain, what it
# delivers, the page it draws, and a machine that is busy.
_BESIDES = 90.0
_STORE = 9.0  # times the store's timeout: its statements, those of a spool in its place, and a turn at a shared lock


def longest_pass(config: Config) -> float:
    """Seconds that a pass with this configuration may take."""
    timeouts = [one.timeout(pace) for one in config.components.values() for pace in STRATEGIES.values()]
    check = max(timeouts, default=0.0)
    recovery = config.recovery
    # A step may begin as long as `timeout` after the first one; the component is checked once more before it. What has
    # fallen due meanwhile is checked, too.
    recovering = 2 * recovery.timeout + check + recovery.verify_wait
    return 2 * check + recovering + _STORE * config.heartbeat.store_timeout + _BESIDES


def too_long(config: Config, busy: Busy) -> bool:
    """Whether the lock has been held for longer than that."""
    return busy.held > longest_pass(config)


def reason(config: Config, busy: Busy) -> str:
    """Who holds it, and for how long, in one line."""
    held, longest = duration(busy.held), duration(longest_pass(config))
    if busy.pid is None:
        return Text(
            "some process has held the lock {path} for {span}; a pass takes {limit} at most",
            path=str(busy.path),
            span=held,
            limit=longest,
        )
    command = one_line(redact(_command(busy.pid), config.secrets), _COMMAND)
    return Text(
        "process {pid} ({command}) has held the lock {path} for {span}; a pass takes {limit} at most",
        pid=busy.pid,
        command=command,
        path=str(busy.path),
        span=held,
        limit=longest,
    )


def remedy(busy: Busy) -> str:
    """What to do about it, in a few words."""
    if busy.pid is None:
        return Text("find it (fuser -v {path}) and, if it hangs, kill it", path=quote(str(busy.path)))
    return Text("if it hangs: kill {pid}", pid=busy.pid)


def notify(db: Database, config: Config, busy: Busy, now: float) -> None:
    """Notify of it, once for each holder. No silence keeps it back, because meanwhile no other alert can be raised."""
    incident = f"{config.observer}@lock-{busy.holder}"
    cause = reason(config, busy)
    details = {"started": now - busy.held, "cause": cause, "kind": "observer", "observer": config.observer}
    alert = host_alert(config, "lock_held", "high", incident, now, cause, details)
    with db.transaction():
        new = enqueue_host_alert(db, config, alert, now).new
    if new:
        with suppress(OSError):
            write_own(
                places.config_folder(config) / HELD, incident
            )  # not beside the lock: an earlier version's lies elsewhere


def notify_end(db: Database, config: Config, folder: Path, now: float) -> None:
    """A run has the lock again: notify those who were notified that it was held."""
    path = folder / HELD
    try:
        incident = read_own(path, 1_000).decode()[:300].strip()
    except (OSError, ValueError):
        return
    details = {"kind": "observer", "observer": config.observer}
    with db.transaction():
        alert = host_alert(config, "lock_free", "low", incident, now, Text("heartbeat runs again"), details)
        enqueue_end(db, config, alert, now, weight="high")
    with suppress(OSError):
        path.unlink()


def _command(pid: int) -> str:
    """A process's command line, as far as this user may see it. Its number may be another process's by now."""
    if process.owner(f"/proc/{pid}") not in (0, os.geteuid(), None):
        return Text("of another user")
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(4_096).split(b"\0")
    except OSError:
        return Text("which is gone") if not Path(f"/proc/{pid}").exists() else Text("not to be seen")
    return b" ".join(words).decode(errors="replace").strip() or Text("no command line")
