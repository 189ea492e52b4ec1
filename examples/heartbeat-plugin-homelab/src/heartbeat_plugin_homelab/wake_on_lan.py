"""Wake a host by a magic packet (Wake-on-LAN).

Nobody answers such a packet: heartbeat finds out by the component's own check whether the host came up. Set
`verify_wait` of `[recovery]`, or `startup_grace` of the component's ladder, to the time that it takes to boot.

    [components.nas.recovery]
    ladder = [{ action = "wake_on_lan", mac = "00:11:22:33:44:55" }]
"""

import re
import socket
from typing import NamedTuple

from heartbeat_cli.plugin_api import Outcome


class Settings(NamedTuple):
    """Which host.

    mac: address of its network card
    address: where to send the packet: the broadcast address of its network
    port: UDP port
    password: SecureOn password of the card, written as an address; best as "file:PATH"
    """

    mac: str
    address: str = "255.255.255.255"
    port: int = 9
    password: str | None = None


def problems(settings: Settings) -> list[tuple[str, str]]:
    found = []
    if _octets(settings.mac) is None:
        found.append(("mac", "expected six pairs of hexadecimal digits, as in 00:11:22:33:44:55"))
    if settings.password is not None and _octets(settings.password) is None:
        found.append(("password", "expected six pairs of hexadecimal digits"))
    return found


def run(settings: Settings, *, timeout: float) -> Outcome:
    card = _octets(settings.mac) or b""
    secret = _octets(settings.password) or b"" if settings.password else b""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.settimeout(timeout)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            link.sendto(b"\xff" * 6 + card * 16 + secret, (settings.address, settings.port))
    except OSError as error:
        return Outcome("failed", f"the packet could not be sent: {error.strerror or error}")
    return Outcome("done", f"sent a magic packet for {settings.mac} to {settings.address}")


def _octets(text: str) -> bytes | None:
    """Six bytes, written as an address of a network card."""
    if not re.fullmatch(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}", text):
        return None
    return bytes.fromhex(re.sub("[:-]", "", text))
