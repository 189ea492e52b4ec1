"""The recovery step, received by a UDP socket."""

import socket

from heartbeat_plugin_homelab import wake_on_lan
from heartbeat_plugin_homelab.wake_on_lan import Settings

MAC = "00:11:22:aa:bb:cc"


def test_the_packet() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        port = receiver.getsockname()[1]
        outcome = wake_on_lan.run(Settings(MAC, "127.0.0.1", port, "01:02:03:04:05:06"), timeout=5)
        data = receiver.recv(1024)
    assert outcome == ("done", f"sent a magic packet for {MAC} to 127.0.0.1", "")
    assert data == b"\xff" * 6 + bytes.fromhex("001122aabbcc") * 16 + bytes([1, 2, 3, 4, 5, 6])


def test_what_cannot_be_sent() -> None:
    assert wake_on_lan.run(Settings(MAC, "256.0.0.1"), timeout=5).result == "failed"


def test_wrong_settings() -> None:
    assert [key for key, _ in wake_on_lan.problems(Settings("nas", password="secret"))] == ["mac", "password"]
