"""Do the hosts that components name exist? The part of `heartbeat doctor` that compares `observer`, `healer` and
`quorum` with the hosts that have made a pass into this store, and this one.
"""

from collections.abc import Collection, Iterator

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import Component, healed_by, watched_by
from heartbeat_cli.domain.finding import Finding
from heartbeat_cli.domain.text import Text

_ADVICE = Text("mend it, or let that host make its first pass; `heartbeat observers` lists those that have")


def named(config: Config, observers: Collection[str]) -> Iterator[Finding]:
    """What no host that is known goes by, and quorums that those cannot make."""
    known = sorted({*observers, config.observer})
    for one in config.components.values():
        if text := _lack(one, known):
            yield Finding(Text("hosts of {id}", id=one.id), "warn", text, _ADVICE)


def _lack(one: Component, known: list[str]) -> str | None:
    common = one.common
    watching = [host for host in known if watched_by(one, host)]
    if not watching:
        return Text(
            'nobody looks at it: observer = "{observer}" is no host of this store ({names})',
            observer=common.observer,
            names=", ".join(known),
        )
    if not any(healed_by(one, host) for host in watching):
        return Text(
            'nobody may restart it: healer = "{healer}" is no host that watches it ({names})',
            healer=common.healer,
            names=", ".join(watching),
        )
    if (common.quorum or 1) > len(watching):
        text = Text(
            "quorum = {quorum} is more than the hosts that watch it ({names})",
            quorum=common.quorum or 1,
            names=", ".join(watching),
        )
        return Text("no fault can come about: {text}", text=text)
    return None
