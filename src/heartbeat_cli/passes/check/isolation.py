"""Self-isolation: whether this host itself is cut off. Tested only when every remote component is silent at once."""

from collections.abc import Container, Mapping

from heartbeat_cli import plugins
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.isolation import all_silent, is_remote
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.incident import incident_id
from heartbeat_cli.domain.plain import duration, lines_of
from heartbeat_cli.domain.text import Text
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.text import number, understood

_TIMEOUT = 2.0  # seconds for all reference addresses together


def remote(config: Config) -> list[str]:
    """The ids of components that are reached over a network, by what their kind says of their settings."""
    return [one.id for one in config.components.values() if plugins.uses_network(one.kind, one.settings)]


def self_isolation(config: Config, readings: Mapping[str, Reading]) -> str | None:
    """Why this host counts as cut off; None when it is not, or has no reference address to test with."""
    if config.heartbeat.reference == () or not any(one.status == "error" for one in readings.values()):
        return None
    if not all_silent(readings, remote(config)):
        return None
    addresses = config.heartbeat.reference or own_references()
    if not addresses or any(_answers(address, _TIMEOUT / len(addresses)) for address in addresses):
        return None
    return Text("this host is cut off: {addresses} did not answer either", addresses=", ".join(addresses))


def notify(
    db: Database, config: Config, at: float, cut_off: str | None, now: float, asked: Container[str]
) -> tuple[str, str] | None:
    """Notify, once each, that this host is cut off (`cut_off` says why) and that it no longer is, which only a pass can
    say that has `asked` something remote: an alert about the host, not about its targets. Returns what was decided, and
    why."""
    observer, name = config.observer, f"blind/{config.observer}"
    since = preferences.get(db, name)
    if bool(since) == bool(cut_off):
        return None
    if not cut_off and (over_network := remote(config)) and not any(id_ in asked for id_ in over_network):
        return None
    from heartbeat_cli.passes.alerting.enqueue import enqueue_host_alert, enqueue_to, host_alert
    from heartbeat_cli.store.outbox import alerts

    kind = "observer_blind" if cut_off else "observer_sees"
    began = at if cut_off else understood(since, number) or at
    preferences.put(db, name, repr(at) if cut_off else "")
    about = incident_id(observer, began)
    reason = cut_off or Text("remote components answer again after {max}", max=duration(max(0.0, at - began)))
    details = {"started": began, "cause": reason, "kind": "observer"}
    alert = host_alert(config, kind, "high" if cut_off else "low", about, at, reason, details)
    if cut_off:
        enqueue_host_alert(db, config, alert, now)
    else:
        enqueue_to(db, config, alert, alerts.notified_channels(db, about), now, weight="high")
    return kind, reason


def own_references() -> tuple[str, ...]:
    """What this host cannot do without: its name servers, and where there is none but itself, its gateway."""
    from heartbeat_cli.system.resolv_conf import nameservers

    servers = tuple(_address(host) for host in nameservers() if is_remote(host))
    return servers[:2] or tuple(_address(host) for host in _gateways())[:1]


def _address(host: str) -> str:
    return f"[{host}]:53" if ":" in host else f"{host}:53"


def _gateways() -> list[str]:
    """From /proc/net/route: the gateway of the default route, four bytes in the host's order (little-endian)."""
    rows = [line.split() for line in lines_of(_read("/proc/net/route"))[1:]]
    found = [row[2] for row in rows if len(row) > 2 and row[1] == "00000000" and row[2] != "00000000"]
    return [".".join(str(int(word[n : n + 2], 16)) for n in (6, 4, 2, 0)) for word in found]


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(65_536)
    except OSError:
        return ""


def _answers(address: str, timeout: float) -> bool:
    """Whether anything comes back: a refusal, too, has crossed the network twice."""
    from heartbeat_cli.errors import Unobservable
    from heartbeat_cli.system.tcp import DialError, dial

    host, _, port = address.rpartition(":")
    try:
        dial(host.strip("[]"), int(port), timeout).close()
    except DialError as error:
        return error.refused
    except Unobservable:
        return False
    return True
