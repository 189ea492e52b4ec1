"""Another user of this host who poses as PostgreSQL: it asks for the password in clear and tells what it heard."""

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts import lacking
from tests.parts.http import Certificate

# Says to whoever comes: your password, in clear; keeps what comes then. A client of Redis pings first.
_PROGRAM = """
import os, socket, ssl, sys
place, how, uid, gid, *certificate = sys.argv[1:]
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
if tls:
    tls.load_cert_chain(*certificate)
os.setgroups([])
os.setgid(int(gid))
os.setuid(int(uid))
os.umask(0)
if place.startswith(("/", "@")):
    listener = socket.socket(socket.AF_UNIX)
    folder, base = os.path.split(place)
    names = {"self": b"/proc/self/cwd/" + base.encode(), "bytes": folder.encode() + b"/\\xff"}
    if how == "self":
        os.chdir(folder)
    listener.bind(names.get(how, place.replace("@", "\\0")))
    if how == "bytes":
        os.rename(names[how], place)
else:
    address, _, port = place.rpartition(":")
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if how == "deferred":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 30)
    if how.startswith("device"):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, how.split()[1].encode())
    listener.bind((address or "127.0.0.1", int(port)))
listener.listen(16)
print("ready", flush=True)
while True:
    if how == "told":
        sys.stdin.readline()
    client, _ = listener.accept()
    if how == "told":
        print("accepted", flush=True)
        sys.stdin.readline()
    client.settimeout(2)
    try:
        while (begin := client.recv(4096))[4:8] in (b"\\x04\\xd2\\x16\\x2f", b"\\x04\\xd2\\x16\\x30"):
            if tls and begin[7] == 0x2f:
                client.sendall(b"S")
                client = tls.wrap_socket(client, server_side=True)
            else:
                client.sendall(b"N")
        if begin:
            print("heard", begin, flush=True)
            client.sendall(b"+PONG\\r\\n" if begin[:1] == b"*" else b"R\\0\\0\\0\\x08\\0\\0\\0\\x03")
            print("and", client.recv(4096), flush=True)
    except OSError:
        pass
    client.close()
"""


@contextmanager
def fake(
    place: str, user: str, how: str = "", certificate: Certificate | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Such a server at a Unix socket, a port of 127.0.0.1 or an `address:port`, run by that user.

    `how`: "deferred" accepts a connection only once bytes have come; "device NAME" listens there only; "self" and
    "bytes" call their socket by a path through /proc/self, and by no text; "told" accepts the next one at the first
    line on its standard input, says "accepted", and goes on with it at the next line. With a certificate it speaks
    TLS."""
    if os.getuid() != 0:
        lacking("root, to act as another user")
    who = pwd.getpwnam(user)
    argv = [sys.executable, "-c", _PROGRAM, place, how, str(who.pw_uid), str(who.pw_gid), *map(str, certificate or ())]
    server = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None and server.stdin is not None
    try:
        assert server.stdout.readline() == "ready\n"
        yield server
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
        server.stdin.close()
        if place.startswith("/"):
            Path(place).unlink(missing_ok=True)


def heard(server: "subprocess.Popen[str]") -> str:
    """All that it was told; it ends by that."""
    server.kill()
    assert server.stdout is not None
    return server.stdout.read()
