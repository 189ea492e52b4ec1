"""The configuration as every pass is handed it: frozen, checked, with paths that are absolute."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heartbeat_cli.config.sections import Dashboard, Heartbeat, Recovery, Report, Retention, StatusPage, host_timezone
from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.domain.alerting.windows import Window
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.record import Record
from heartbeat_cli.errors import HeartbeatError

if TYPE_CHECKING:
    from heartbeat_cli.config.files import File
    from heartbeat_cli.config.groups import Group

_uname = cache(os.uname)  # asked for a thousand components


class Channel(Record):
    """A way to reach people: its kind's own settings, and what every kind has in `common`; `broken` says why it cannot
    be used just now."""

    id: str
    kind: str
    settings: Any
    broken: str | None = None
    common: ChannelCommon = ChannelCommon()


class Config(Record):
    """Everything a pass needs to know. `source` names the file (or says that there is none);
    `secrets` are the values that must never be shown, `unresolved` says which references lead nowhere just now.
    `tables` are as TOML gives them, with components in full; `files` are what they were read from, `blocks` the block
    with `each` or `match` that made a component, by its id; `groups` are the blocks with `match`, `fresh` the ids of
    those whose manager has just said what there is, `elsewhere` the components that only another manager knows, and
    `left_out` how many names of a block were not taken; `fleets` what the files hold that `each` is read from, by
    block, and `unread` the blocks whose file cannot be used, or of whose `match` nothing is known."""

    source: str
    heartbeat: Heartbeat
    components: Mapping[str, Component]
    channels: Mapping[str, Channel]
    recovery: Recovery
    retention: Retention
    report: Report
    dashboard: Dashboard
    status_page: StatusPage
    maintenance: Mapping[str, Window]
    secrets: frozenset[str]
    tables: Mapping[str, Any]
    unresolved: tuple[str, ...] = ()
    files: tuple["File", ...] = ()
    blocks: Mapping[str, str] = {}
    groups: tuple["Group", ...] = ()
    fresh: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    left_out: Mapping[str, int] = {}
    fleets: Mapping[str, Any] = {}
    unread: frozenset[str] = frozenset()

    def may_still_have(self, component: str) -> bool:
        """Whether what is not in the configuration may be of a block of which it is not known what it stands for."""
        if self.unresolved or not self.unread:
            return bool(self.unresolved)  # what leads nowhere just now may be what the components are read from
        from heartbeat_cli.config.groups import group_of

        return group_of(component, self.groups) in self.unread

    def was_removed(self, component: str) -> bool:
        """Whether what was found as this component is there no more, as its manager has just said. What another
        manager has (an Engine, as by $DOCKER_HOST of a run by hand) is not for this one to say."""
        if not self.fresh or component in self.components or component in self.elsewhere:
            return False
        from heartbeat_cli.config.groups import group_of

        return group_of(component, self.groups) in self.fresh

    def knows_block(self, block: str | None) -> bool:
        """Whether it is known what a block with `match`, or one that is read from a file, stands for."""
        return block not in self.unread and (block in self.fleets or any(one.id == block for one in self.groups))

    @property
    def state_dir(self) -> Path:
        return Path(self.heartbeat.state_dir) if self.heartbeat.state_dir else default_state_dir()

    @property
    def store(self) -> str:
        return self.heartbeat.store or f"sqlite:///{self.state_dir / 'heartbeat.db'}"

    @property
    def observer(self) -> str:
        return self.heartbeat.observer or _uname().nodename

    @property
    def timezone(self) -> str:
        return self.heartbeat.timezone or host_timezone()


def default_state_dir() -> Path:
    """$XDG_STATE_HOME/heartbeat, or where that is when it is unset; a relative one does not count."""
    base = os.environ.get("XDG_STATE_HOME", "")
    base = base if os.path.isabs(base) else os.path.expanduser("~/.local/state")
    if not os.path.isabs(base):
        raise HeartbeatError("there is no home folder: set HOME, XDG_STATE_HOME or [heartbeat] state_dir")
    return Path(base) / "heartbeat"
