"""One target of the duel: `python -I -S _duel_target.py FOLDER` serves `/health` on the port that the folder names.

What it finds in the folder is how it behaves. At its start: `crash` (it ends at once) and `slow-start` (seconds until
it serves). At each request: `mode`, one of `500`, `fail` and `slow`, which a start clears unless `sticky` is there, and
`upstream` (a port without which it answers 503). SIGUSR1 closes the port, and the process lives on. Its starts, and
the moments from which it served, are lines of `log`; `asked` is as old as the last request.
"""

import os
import signal
import socket
import sys
import time
from contextlib import suppress

_LIFE = 1500  # seconds after which one that was left behind ends by itself
_SLOW = 6.0  # seconds, twice the timeout of every contestant
_ANSWERS = {
    "500": ("500 Internal Server Error", "error"),
    "503": ("503 Service Unavailable", "error"),
    "fail": ("200 OK", "fail"),
}


class Closed(Exception):
    """The port is to be closed."""


def main() -> None:
    signal.alarm(_LIFE)
    os.chdir(sys.argv[1])
    _note("start")
    if os.path.exists("crash"):
        sys.exit(1)
    if not os.path.exists("sticky"):
        with suppress(FileNotFoundError):
            os.unlink("mode")
    time.sleep(float(_read("slow-start") or 0))
    with socket.create_server(("127.0.0.1", int(_read("port"))), backlog=50) as server:
        signal.signal(signal.SIGUSR1, _close)
        _note("serving")
        with suppress(Closed):
            while True:
                connection, _ = server.accept()
                with connection, suppress(OSError):
                    _answer(connection)
    while True:
        signal.pause()


def _answer(connection: socket.socket) -> None:
    connection.settimeout(2)
    connection.recv(4096)
    open("asked", "w").close()
    mode = _read("mode")
    if mode == "slow":
        time.sleep(_SLOW)
    upstream = _read("upstream")
    if upstream and not _reachable(int(upstream)):
        mode = "503"
    line, status = _ANSWERS.get(mode, ("200 OK", "ok"))
    body = f'{{"status": "{status}"}}'
    head = f"HTTP/1.1 {line}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    connection.sendall(f"{head}\r\n{body}".encode())


def _reachable(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _close(*_: object) -> None:
    raise Closed


def _read(name: str) -> str:
    try:
        with open(name) as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def _note(word: str) -> None:
    with open("log", "a") as file:
        file.write(f"{word} {time.time():.3f}\n")


if __name__ == "__main__":
    main()
