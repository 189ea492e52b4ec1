"""Do the hosts that components name exist? The part of `heartbeat doctor` that compares `observer`, `healer` and
`quorum` with the hosts that have made a pass into this store, and this one.
"""

from collections.abc import Collection, Iterator

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import Component, healed_by, watched_by
from heartbeat_cli.domain.finding import Finding

_ADVICE = "mend it, or let that host make its first pass; `heartbeat observers` lists those that have"


def named(config: Config, observers: Collection[str]) -> Iterator[Finding]:
    """What no host that is known goes by, and quorums that those cannot make."""
    known = sorted({*observers, config.observer})
    for one in config.components.values():
        if text := _lack(one, known):
            yield Finding(f"hosts of {one.id}", "warn", text, _ADVICE)


def _lack(one: Component, known: list[str]) -> str | None:
    common = one.common
    watching = [host for host in known if watched_by(one, host)]
    if not watching:
        return f'nobody looks at it: observer = "{common.observer}" is no host of this store ({", ".join(known)})'
    if not any(healed_by(one, host) for host in watching):
        return f'nobody may restart it: healer = "{common.healer}" is no host that watches it ({", ".join(watching)})'
    if (common.quorum or 1) > len(watching):
        text = f"quorum = {common.quorum} is more than the hosts that watch it ({', '.join(watching)})"
        return f"no fault can come about: {text}"
    return None
