"""A name server that answers with more packets than anybody can read holds no check beyond its time."""

import socket
import subprocess
import sys
import threading

from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.monitors import dns as monitor

_PATIENCE = 30.0  # seconds after which a check of half a second counts as one without an end
_FLOOD = """
import socket
from tests.parts.dns_server import flood
print("ready", flush=True)
flood(socket.socket(fileno=0))
"""


def test_a_flood_of_packets_that_are_hard_to_read_ends_with_the_time_of_the_check() -> None:
    """More come than are read, so that one always waits: who looks at the clock only when none does never ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind(("127.0.0.1", 0))
        port = link.getsockname()[1]
        with subprocess.Popen([sys.executable, "-c", _FLOOD], stdin=link, stdout=subprocess.PIPE) as flooding:
            assert flooding.stdout is not None and flooding.stdout.readline() == b"ready\n"
            found: list[Reading] = []
            settings = monitor.Settings("www.example.test", "A", "127.0.0.1", port)
            context = CheckContext("name", 0.5, 1_800_000_000.0)
            checking = threading.Thread(target=lambda: found.append(monitor.probe(settings, context)), daemon=True)
            checking.start()
            checking.join(_PATIENCE)
            over = bool(found)
            flooding.kill()
            checking.join()
    assert over and (found[0].status, found[0].category) == ("error", "network")
    assert str(found[0].error).startswith("127.0.0.1 did not answer within ")
