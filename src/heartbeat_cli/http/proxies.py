"""The proxy that channels and hooks go through, if any: the key `proxy` of `[heartbeat]`, never the environment.

A variable such as HTTP_PROXY would hand the tokens and passwords of every message to whoever set it.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from heartbeat_cli.domain.text import Text

if TYPE_CHECKING:
    from heartbeat_cli.domain.component import Component, Guard

NONE = "none"  # no proxy, and no remark about the environment's
ADVICE = Text('set proxy = "http://host:port" (or "none") in [heartbeat] for channels and hooks')
_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
_PROXY = r"(?i)https?://([^\s/@]*@)?(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?/?"
_HERE = r"(?i)localhost|127(\.\d{1,3}){3}|::1"


def problem(proxy: str) -> str | None:
    """What is wrong with a value of `proxy`."""
    if proxy == NONE or re.fullmatch(_PROXY, proxy):
        return None
    return f'expected http://host:port, or "{NONE}" for no proxy and no remark about it'


def ignored(proxy: str | None, environment: Mapping[str, str]) -> str | None:
    """The remark about proxies that the environment names and that are not followed; None when there are none. ADVICE
    says what to do."""
    if proxy is not None:
        return None
    names = [name for name in _VARIABLES if environment.get(name)]
    if not names:
        return None
    return Text.counted(
        len(names), "{names} is set and not followed", "{names} are set and not followed", names=", ".join(names)
    )


def for_host(proxy: str | None, host: str | None) -> str | None:
    """The proxy for requests to this host; None for this machine itself, which a proxy could not reach."""
    return None if proxy in (None, NONE) or re.fullmatch(_HERE, host or "") else proxy


def channels(found: Mapping[str, Any], proxy: str) -> dict[str, Any]:
    """The channels with this proxy, where they use one and name none of their own."""
    return {id_: one._replace(settings=_through(one.settings, proxy)) for id_, one in found.items()}


def components(found: "Mapping[str, Component]", proxy: str) -> "dict[str, Component]":
    """The components with this proxy in the hooks of their recovery; their checks use none."""
    return {id_: _with_hooks(one, proxy) for id_, one in found.items()}


def _with_hooks(one: "Component", proxy: str) -> "Component":
    ladder = tuple(step._replace(settings=_through(step.settings, proxy)) for step in one.plan.ladder)
    return one._replace(plan=one.plan._replace(ladder=ladder, guard=_guard(one.plan.guard, proxy)))


def _guard(guard: "Guard | None", proxy: str) -> "Guard | None":
    if guard is None:
        return None
    busy, drain = (
        call and call._replace(settings=_through(call.settings, proxy)) for call in (guard.busy, guard.drain)
    )
    return guard._replace(busy=busy, drain=drain)


def _through(settings: Any, proxy: str) -> Any:
    if "proxy" in getattr(settings, "_fields", ()) and settings.proxy is None:
        return settings._replace(proxy=proxy)
    return settings
