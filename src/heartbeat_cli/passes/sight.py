"""Whether this host itself is cut off: asked only when every remote component is silent at once."""

from collections.abc import Mapping

from heartbeat_cli import plugins
from heartbeat_cli.config import Config
from heartbeat_cli.domain.result import Reading
from heartbeat_cli.domain.sight import all_silent, is_remote

_TIMEOUT = 2.0  # seconds for all reference addresses together


def remote(config: Config) -> list[str]:
    """The ids of components that are reached over a network, by what their kind says of their settings."""
    found = []
    for one in config.components.values():
        host_of = getattr(plugins.load("monitors", one.kind), "host_of", None)
        if host_of is not None and one.settings is not None and is_remote(host_of(one.settings)):
            found.append(one.id)
    return found


def blind(config: Config, readings: Mapping[str, Reading]) -> str | None:
    """Why this host can see nothing, or None when it can, or has no reference to tell by."""
    addresses = config.heartbeat.reference
    if not addresses or not all_silent(readings, remote(config)):
        return None
    if any(_answers(address, _TIMEOUT / len(addresses)) for address in addresses):
        return None
    return f"this host is cut off: {', '.join(addresses)} did not answer either"


def _answers(address: str, timeout: float) -> bool:
    from heartbeat_cli.dial import DialError, dial
    from heartbeat_cli.errors import Unobservable

    host, _, port = address.rpartition(":")
    try:
        dial(host.strip("[]"), int(port), timeout).close()
    except (DialError, Unobservable):
        return False
    return True
