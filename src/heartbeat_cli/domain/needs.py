"""What the settings of a kind need of the machine, for a sandbox that shall not break it: a kind's module says it by an
optional `needs(settings)`."""

from collections.abc import Iterable

from heartbeat_cli.domain.record import Record


class Needs(Record):
    """`programs`: it starts a program of the user's (or sudo), which may need any right. `lives_on`: what that program
    starts may outlive the pass. `devices`: device files. `filesystems`: the mounts as the host has them. `writes`:
    folders that it writes into."""

    programs: bool = False
    lives_on: bool = False
    devices: bool = False
    filesystems: bool = False
    writes: tuple[str, ...] = ()


def together(needs: Iterable[Needs]) -> Needs:
    """What all of them need; the folders sorted, each once."""
    every = list(needs)
    return Needs(
        any(one.programs for one in every),
        any(one.lives_on for one in every),
        any(one.devices for one in every),
        any(one.filesystems for one in every),
        tuple(sorted({folder for one in every for folder in one.writes})),
    )
