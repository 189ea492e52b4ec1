"""May this user do what checks and recovery need? The part of `heartbeat doctor` about Docker, systemctl and every
step of every ladder; nothing is restarted.
"""

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import Step, goes_to, healed_by, watched_by
from heartbeat_cli.domain.finding import Finding
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.recovery.outcome import Right
from heartbeat_cli.domain.text import Text
from heartbeat_cli.redact import redact
from heartbeat_cli.system import trusted

_ASK = 5.0  # seconds for one step
_ALL = 30.0  # seconds for all of them: a Docker that hangs is asked by every step


def docker(config: Config, environ: Mapping[str, str]) -> Iterator[Finding]:
    """The right to use Docker's socket, where Docker is checked or restarts something."""
    from heartbeat_cli.domain.kinds import docker_host

    for host in sorted({one.host for one in _uses(config, "docker")}):
        try:
            engine = docker_host.find(host, environ, trusted.why_not)
        except ValueError as error:
            yield Finding("docker", "bad", str(error), Text("mend `host` of the component, or $DOCKER_HOST"))
            continue
        if engine.socket is None:
            continue
        if not os.path.exists(engine.socket):
            yield Finding(
                "docker",
                "bad",
                Text("{socket}: no such socket", socket=engine.socket),
                Text("is Docker installed and running?"),
            )
        elif not os.access(engine.socket, os.R_OK | os.W_OK):
            yield Finding(
                "docker", "bad", Text("{socket}: no right to use it", socket=engine.socket), docker_host.REMEDY
            )
        else:
            yield Finding("docker", "ok", Text("{socket}: may be used", socket=engine.socket))


def systemd(config: Config) -> Iterator[Finding]:
    """systemctl, where units are checked or restarted."""
    import shutil

    from heartbeat_cli.system import process

    path = process.minimal_env({})["PATH"]
    for prefix in sorted({one.systemctl for one in _uses(config, "service", "systemd")}):
        if shutil.which(prefix[0], path=path) is None:
            yield Finding(
                "systemctl",
                "bad",
                Text("{prefix}: no such program", prefix=prefix[0]),
                Text("install it, or change `systemctl`"),
            )
        elif _without_systemd(prefix):
            advice = Text("give the agents a ladder without systemd, or turn their recovery off")
            yield Finding("systemctl", "warn", Text("systemd does not run here, so no unit can be restarted"), advice)
        else:
            yield Finding("systemctl", "ok", Text("{names}: is there", names=" ".join(prefix)))


def ladders(config: Config) -> Iterator[Finding]:
    """Each step of each ladder that is not off, where it is this host that takes it."""
    until = time.monotonic() + _ALL
    for one in config.components.values():
        if one.broken or one.plan.mode == "off" or not one.plan.ladder:
            continue
        if not healed_by(one, config.observer):
            who = next(who for who in (one.common.healer, one.common.observer) if not goes_to(who, config.observer))
            text = Text("{who} restarts it, not this host: its steps are to be looked at there", who=who)
            yield Finding(Text("recovery {id}", id=one.id), "ok", text)
            continue
        for number, step in enumerate(one.plan.ladder, 1):
            if step.action == "systemd" and _without_systemd(step.settings.systemctl):
                continue  # said once, above
            right = _ask(step, until)
            said = redact(one_line(right.text, 500), config.secrets)
            yield Finding(
                Text("recovery {id}", id=one.id),
                right.level,
                Text("step {number}, {action}: {text}", number=number, action=step.action, text=said),
                right.advice,
            )


def _ask(step: Step, until: float) -> Right:
    ask = getattr(plugins.load("actions", step.action), "rights", None)
    if ask is None:
        return Right("ok", Text("settings are fine; it was not tried"))
    left = until - time.monotonic()
    if left <= 0:
        return Right("warn", Text("not looked at: the steps before it took too long"), Text("mend those first"))
    right: Right = ask(step.settings, timeout=min(_ASK, left))
    return right


def _without_systemd(prefix: tuple[str, ...]) -> bool:
    return prefix == ("systemctl",) and not os.path.isdir("/run/systemd/system")


def _uses(config: Config, *kinds: str) -> list[Any]:
    """The settings of every component, and every step of a ladder that is not off, of these kinds, where it is this
    host that checks and restarts."""
    here = config.observer
    every = [one for one in config.components.values() if not one.broken and watched_by(one, here)]
    found = [one.settings for one in every if one.kind in kinds]
    healed = [one for one in every if one.plan.mode != "off" and healed_by(one, here)]
    return found + [step.settings for one in healed for step in one.plan.ladder if step.action in kinds]
