"""A small server of health answers in a process of its own: one thread and epoll, so that a thousand askers at once are
no trouble for it. `latency` seconds pass before an answer; the path `/hang` gets none."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SERVE = """
import heapq, select, socket, sys, time
latency = float(sys.argv[1])
server = socket.create_server(("127.0.0.1", 0), backlog=4096)
server.setblocking(False)
print(server.getsockname()[1], flush=True)
body = b'{"status": "ok"}'
head = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n"
answer = head % len(body) + body
poll = select.epoll()
poll.register(server, select.EPOLLIN)
open_, later = {}, []
def reply(fd):
    if fd in open_:
        try: open_[fd].send(answer)
        except OSError: pass
while True:
    wait = max(0, later[0][0] - time.monotonic()) if later else -1
    for fd, _ in poll.poll(wait):
        if fd == server.fileno():
            try:
                while True:
                    peer, _ = server.accept()
                    peer.setblocking(False)
                    open_[peer.fileno()] = peer
                    poll.register(peer, select.EPOLLIN)
            except BlockingIOError:
                continue
        try: said = open_[fd].recv(4096)
        except OSError: said = b""
        if not said:
            poll.unregister(fd)
            open_.pop(fd).close()
        elif b" /hang" in said[:64]:
            pass
        elif latency: heapq.heappush(later, (time.monotonic() + latency, fd))
        else: reply(fd)
    while later and later[0][0] <= time.monotonic():
        reply(heapq.heappop(later)[1])
"""


@contextmanager
def answering(latency: float = 0.0) -> Iterator[str]:
    """The server's address, without a path."""
    argv = [sys.executable, "-c", _SERVE, str(latency)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            yield f"http://127.0.0.1:{child.stdout.readline().strip()}"
        finally:
            child.kill()
