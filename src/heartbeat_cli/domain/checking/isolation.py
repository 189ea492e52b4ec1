"""Whether this host can see at all: when everything remote is silent at once, the fault may be its own."""

from collections.abc import Iterable, Mapping

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.plain import whole

LEAST = 2  # one silent remote component is a silent component; a pattern begins with two

_LOCAL = frozenset({"localhost", "::1", "0.0.0.0", "::", "ip6-localhost"})  # noqa: S104 - to recognise, not to bind


def is_remote(host: str | None) -> bool:
    """Whether reaching this host takes a network: not loopback, not a socket in the file system."""
    name = (host or "").lower().strip("[]").rstrip(".").removeprefix("::ffff:")
    if name in _LOCAL or name.endswith(".localhost") or name.startswith(("/", "@")):
        return False
    return bool(name) and not (name.startswith("127.") and whole(name.replace(".", "")) is not None)


def all_silent(readings: Mapping[str, Reading], remote: Iterable[str]) -> bool:
    """Whether every remote component that was checked gave no answer, and there are enough of them to wonder."""
    seen = [readings[id_] for id_ in remote if id_ in readings and readings[id_].status != "unknown"]
    return len(seen) >= LEAST and all(one.status == "error" for one in seen)


def as_unknown(readings: Mapping[str, Reading], remote: Iterable[str], reason: str) -> dict[str, Reading]:
    """The same readings with those of remote components turned into `unknown`."""
    hidden = set(remote)
    return {
        id_: one._replace(status="unknown", error=f"{reason}; seen: {one.error}", evidence={}) if id_ in hidden else one
        for id_, one in readings.items()
    }
