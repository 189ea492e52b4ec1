"""A small server of health answers in a process of its own, whose CPU nobody counts: one thread and epoll, so that ten
thousand askers at once are no trouble for it.

A path says how it is answered: `/200/any` after 200 ms, `/hang/any` never, `/seen` with how many others were asked for
so far, anything else at once."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Answers wait in one queue for each latency: no heap, no timer a connection. The number of a socket may be given anew
# before its answer is due, so an answer is kept with the socket and not with the number.
_SERVE = """
import resource, select, socket, time
from collections import deque
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
server = socket.create_server(("127.0.0.1", 0), backlog=65535)
server.setblocking(False)
print(server.getsockname()[1], flush=True)
body = b'{"status": "ok"}'
head = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n"
answer = head % len(body) + body
poll = select.epoll()
poll.register(server, select.EPOLLIN)
open_, later, seen = {}, {}, 0
def accept():
    while True:
        try: peer, _ = server.accept()
        except BlockingIOError: return
        peer.setblocking(False)
        open_[peer.fileno()] = peer
        poll.register(peer, select.EPOLLIN)
def leave(peer):
    poll.unregister(peer)
    del open_[peer.fileno()]
    peer.close()
def reply(peer, last, text=answer):
    if peer.fileno() < 0: return  # it has gone
    try: peer.send(text)
    except OSError: pass
    if last: leave(peer)
def heard(peer):
    global seen
    try: said = peer.recv(4096)
    except OSError: said = b""
    last = b"connection: close" in said.lower()
    if not said:
        leave(peer)
    elif said.startswith(b"GET /seen "):
        number = b"%d" % seen
        reply(peer, last, head % len(number) + number)
    else:
        seen += 1
        how = said[5:64].partition(b"/")[0]
        if how.isdigit() and how != b"0":
            later.setdefault(how, deque()).append((time.monotonic() + int(how) / 1000, peer, last))
        elif how != b"hang":
            reply(peer, last)
while True:
    first = min((queue[0][0] for queue in later.values() if queue), default=None)
    for fd, _ in poll.poll(-1 if first is None else max(0, first - time.monotonic()), 1024):
        accept() if fd == server.fileno() else heard(open_[fd])
    now = time.monotonic()
    for queue in later.values():
        while queue and queue[0][0] <= now:
            reply(*queue.popleft()[1:])
"""


@contextmanager
def answering() -> Iterator[str]:
    """The server's address, without a path."""
    argv = [sys.executable, "-I", "-S", "-c", _SERVE]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            yield f"http://127.0.0.1:{child.stdout.readline().strip()}"
        finally:
            child.kill()


def asked(url: str) -> int:
    """How many requests the server has had so far."""
    from urllib.request import urlopen

    with urlopen(f"{url}/seen") as answer:
        return int(answer.read())
