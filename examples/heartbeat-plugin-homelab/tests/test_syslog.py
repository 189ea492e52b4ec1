"""The channel, against a TCP server."""

import socket

import pytest
from heartbeat_plugin_homelab import syslog
from heartbeat_plugin_homelab.syslog import Settings
from servers import serving

from heartbeat_cli.plugin_api import DeliveryError, Message

MESSAGE = Message(
    "1", "tcp_down", "high", "nas is down", "no answer\n<0>1 forged", "<b>nas</b>", "nas", 1_700_000_000.0
)


def test_a_message_is_one_line_whatever_it_says() -> None:
    with serving() as server:
        assert syslog.send(Settings("127.0.0.1", server.port), MESSAGE, timeout=5) is None
        data = server.got.get(timeout=5)
    length, _, line = data.partition(b" ")
    assert int(length) == len(line)
    assert line.startswith(b"<131>1 2023-11-14T22:13:20.000Z ")
    assert line.decode().endswith(" heartbeat - tcp_down - \ufeffnas is down no answer <0>1 forged")


def test_the_title_alone() -> None:
    with serving() as server:
        syslog.send(Settings("127.0.0.1", server.port, format="title"), MESSAGE, timeout=5)
        assert server.got.get(timeout=5).endswith("\ufeffnas is down".encode())


def test_a_server_that_is_away_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeliveryError, match="does not answer: Connection refused") as error:
        syslog.send(Settings("127.0.0.1", port), MESSAGE, timeout=5)
    assert error.value.retryable and not error.value.lasting


def test_wrong_settings() -> None:
    assert syslog.problems(Settings("logs", app_name="my app")) != []
