"""A UPS that Network UPS Tools looks after: on mains, on battery, battery low.

healthy    on mains
degraded   on battery, or the battery is to be replaced
unhealthy  the battery is low, or `upsd` has lost the UPS
error      `upsd` does not answer

    [components.ups]
    kind = "ups"
    host = "nas.lan"
    battery_min = 50
"""

import re
import socket
import time
from collections.abc import Mapping
from typing import NamedTuple

from heartbeat_cli.plugin_api import Category, CheckContext, Metric, Reading, Unobservable

# What an alert says besides the check's own line.
DESCRIPTION = "If the power does not come back, what hangs on this UPS goes off."
ADVICE = (
    "Find out whether the mains is away, or only a fuse or a plug.",
    "Shut down what hangs on the UPS before its battery is empty.",
    "Ask the UPS itself: upsc {id}",
)

_MOST = 65_536  # bytes of an answer
_METRICS = {
    "battery.charge": "battery_charge_percent",
    "battery.runtime": "battery_runtime_seconds",
    "ups.load": "load_percent",
    "input.voltage": "input_voltage_volts",
}


class Settings(NamedTuple):
    """Which UPS.

    ups: its name in ups.conf
    host: where `upsd` runs
    port: port of `upsd`
    battery_min: percent of charge below which it is unhealthy while on battery
    """

    ups: str = "ups"
    host: str = "localhost"
    port: int = 3493
    battery_min: float = 30.0


class _Refused(Exception):
    """The error that `upsd` answered with, such as DATA-STALE."""


def problems(settings: Settings) -> list[tuple[str, str]]:
    found = []
    if not re.fullmatch(r"[\w.-]+", settings.ups):
        found.append(("ups", "expected the name of a section of ups.conf"))
    if not 1 <= settings.port <= 65_535:
        found.append(("port", f"expected 1 to 65535, got {settings.port}"))
    if not 0 <= settings.battery_min <= 100:
        found.append(("battery_min", f"expected 0 to 100, got {settings.battery_min:g}"))
    return found


def host_of(settings: Settings) -> str:
    return settings.host


def probe(settings: Settings, context: CheckContext) -> Reading:
    started = time.monotonic()
    try:
        variables = _variables(settings, started + context.timeout)
    except _Refused as error:
        category: Category = "configuration" if str(error) == "UNKNOWN-UPS" else "process"
        return Reading("unhealthy", time.monotonic() - started, f"upsd says {error}", category=category)
    except socket.gaierror as error:
        raise Unobservable(f"{settings.host} cannot be resolved: {error.strerror}") from None
    except OSError as error:
        return Reading("error", error=f"upsd does not answer: {error.strerror or 'timed out'}")
    return _judged(settings, variables, time.monotonic() - started)


def _judged(settings: Settings, variables: Mapping[str, str], took: float) -> Reading:
    flags = variables.get("ups.status", "").split()
    metrics = tuple(
        Metric(name, value) for key, name in _METRICS.items() if (value := _number(variables.get(key))) is not None
    )
    charge = _number(variables.get("battery.charge"))
    left = "" if charge is None else f", {charge:.0f} % charged"
    low = "LB" in flags or ("OB" in flags and charge is not None and charge < settings.battery_min)
    if low:
        return Reading("unhealthy", took, f"the battery is low{left}", metrics, category="resource")
    if "OB" in flags:
        return Reading("degraded", took, f"on battery{left}", metrics, category="resource")
    if "RB" in flags:
        return Reading("degraded", took, "the battery is to be replaced", metrics, category="resource")
    if "OL" in flags:
        return Reading("healthy", took, None, metrics)
    return Reading("unhealthy", took, f"unknown state {' '.join(flags)!r}", metrics, category="configuration")


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _variables(settings: Settings, until: float) -> dict[str, str]:
    """What `LIST VAR` answers. Raises OSError at `until` (time.monotonic()), _Refused."""
    answer = b""
    with socket.create_connection((settings.host, settings.port), max(0.01, until - time.monotonic())) as link:
        link.sendall(f"LIST VAR {settings.ups}\n".encode())
        while b"END LIST VAR" not in answer and not answer.startswith(b"ERR ") and len(answer) < _MOST:
            link.settimeout(max(0.01, until - time.monotonic()))
            if not (piece := link.recv(4096)):
                break
            answer += piece
    text = answer.decode("utf-8", "replace")
    if text.startswith("ERR "):
        raise _Refused(text[4:60].strip())
    return dict(re.findall(r'^VAR \S+ (\S+) "([^"\n]*)"', text, re.MULTILINE))
