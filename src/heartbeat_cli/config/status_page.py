"""Checks what types cannot of `[status_page]`, and finds the components that it shows."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from heartbeat_cli.config import maintenance
from heartbeat_cli.config.problems import Problems, format_value, suggestion
from heartbeat_cli.config.sections import StatusPage
from heartbeat_cli.domain.blocks import Block
from heartbeat_cli.domain.component import Component, matching, may_go_by

if TYPE_CHECKING:
    from heartbeat_cli.config.types import Config

FEED, JSON = "feed.atom", "status.json"  # beside the page
_SPECIAL = r"/(?:dev/(?!shm/)|proc/|sys/)"  # no file can be written beside what is there
# No user, query or fragment; the name of the host is the authority of the ids in the feed (RFC 4151).
_URL = r"(?ai)https?://(?P<host>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)(?::\d{1,5})?"
_PATH = r"(?:/[\w.~!$&'()*+,;=:@%/-]*)?"


def check(
    section: StatusPage,
    dashboard: str | None,
    components: Mapping[str, Component],
    may_be: Callable[[str], bool],
    problems: Problems,
) -> None:
    """Note what is wrong with the values, and each name that matches no component and cannot name one later (`may_be`);
    `dashboard` is the file of that."""
    if section.file is not None:
        name = section.file.rpartition("/")[2]
        if re.match(_SPECIAL, section.file) or name in ("", ".", "..", FEED, JSON):
            problems.add("status_page.file", f"expected the path of a page; {FEED} and {JSON} are written beside it")
        elif section.file == dashboard:
            problems.add("status_page.file", "is the file of [dashboard], too: each would replace the other")
    if section.url is not None and host_of(section.url) is None:
        problems.add("status_page.url", f"expected https://host/path, got {format_value(section.url)}")
    maintenance.check_names(section.components or (), "status_page.components", components, may_be, problems)
    for id_, name in section.names.items():
        where = f"status_page.names.{id_}"
        if id_ not in components and not may_be(id_):
            problems.add(where, f"no component {format_value(id_)}{suggestion(id_, components)}")
        elif not (name.strip() and name.isprintable()):
            problems.add(where, "expected some text on one line")


def host_of(url: str) -> str | None:
    """The name of the host in the address of the page, None for what is no such address."""
    found = re.fullmatch(_URL + _PATH, url)
    return found["host"].lower() if found else None


def public_name(config: "Config", component: Component) -> str:
    """What the page calls a component."""
    return config.status_page.names.get(component.id) or component.common.name or component.id.rpartition("/")[2]


def shown(config: "Config") -> dict[str, Component]:
    """The components that the page shows, in its order. A container or unit that was found is shown only where
    `components` names it: nobody has read its name before it would be public."""
    names, every = config.status_page.components, config.components
    if names is None:
        groups = {one.id for one in config.groups}
        return {id_: one for id_, one in every.items() if groups.isdisjoint((id_, config.blocks.get(id_)))}
    chosen = dict.fromkeys(id_ for name in names for id_ in _meant(config, name))
    return {id_: every[id_] for id_ in chosen}


def _meant(config: "Config", name: str) -> Iterator[str]:
    """The components that a name means. A block whose file cannot be read may have more than what it held last: where
    none of that fits, and the name may be one of its own, all of it is shown."""
    found, _ = matching([name], config.components, meant=may_go_by)
    yield from found
    lost: dict[str, list[str]] = {}
    for id_, one in config.components.items():
        if one.stands_for is None and (block := config.blocks.get(id_)) in config.unread:
            lost.setdefault(str(block), []).append(id_)
    for block, ids in lost.items():
        if not {*ids} & {*found} and Block(block, False).may_have(name):
            yield from ids
