"""Which user of this host holds the other end of a TCP connection.

On a port above 1,023 any user can listen while the server that is meant does not, and waits for its password. To ask
before connecting is too early: the listener may change. The kernel is asked about that one socket by sock_diag(7),
which takes microseconds however many sockets other users have open; where it has no sock_diag, /proc/net/tcp is read.
psutil leaves out the user that a socket belongs to.
"""

import _socket
import os
import sys

from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text

_TRIES = 3
_MOST = 67_108_864  # bytes of /proc/net/tcp: some 400,000 sockets
_LISTEN = 10
_OPEN = (1, 3, 12)  # ESTABLISHED, SYN_RECV, NEW_SYN_RECV: somebody may yet accept it
_SOCK_DIAG, _BY_FAMILY, _REQUEST, _ERROR, _NOT_FOUND = 4, 20, 1, 2, -2  # of linux/netlink.h and linux/sock_diag.h

Place = tuple[str, int]  # an address and a port


class _Socket(Record):
    """A socket of this host. Until it is accepted it has no inode, and what is said of its user means nothing."""

    state: int
    uid: int
    inode: int


class _NoDiag(Exception):
    """The kernel has no sock_diag, or does not let us use it."""


def stranger(link: _socket.socket, *names: str) -> str | None:
    """Which other user of this host holds the other end of this TCP connection, as a line; None where that is root, the
    user we run as, or one of `names` (of users, or their numbers), and where no user of this host can: on another host,
    or behind a port that the kernel forwards into a container."""
    try:
        here, there = _place(link.getsockname()), _place(link.getpeername())
    except OSError:  # it has hung up since
        return None
    try:
        others = [said(uid) for uid in sorted(_users(there, here)) if not is_trusted(uid, *names)]
    except (OSError, ValueError):
        others = [Text("a user whom the kernel does not name")]
    if not others:
        return None
    port = str(there[1])
    return Text("the server at port {port} runs as {who}, and everybody may listen there", port=port, who=others[0])


def is_trusted(uid: int, *names: str) -> bool:
    """Whether this is root, the user we run as, or one of `names`. A name that no user has is not looked up: that may
    mean asking another host."""
    return uid in (0, os.getuid()) or str(uid) in names or name(uid) in names


def said(uid: int) -> str:
    """What to call a user, also one without a name."""
    return name(uid) or f"uid {uid}"


def name(uid: int) -> str | None:
    """The name of a user, None for one without."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _users(there: Place, here: Place) -> set[int]:
    """Who holds the other end, and who listens there. Raises OSError where the kernel does not say, ValueError for what
    cannot be read."""
    local = there[0] == here[0] or there[0] == "::1" or there[0].startswith("127.")
    for _ in range(_TRIES):
        try:
            end, listeners = _by_diag(there, here)
        except _NoDiag:
            end, listeners = _by_proc(there, here) if local else (None, [])
        if end is not None and end.inode:  # as root's also where the kernel has accepted it for somebody (AF_SMC)
            return {end.uid, *(one.uid for one in listeners)}
        if end is None and not local:  # a listener of this host on that port is another one
            return set()
        if listeners:
            return {one.uid for one in listeners}
        if end is None or end.state not in _OPEN:  # forwarded, or hung up
            return set()
    raise OSError("accepted and not accepted")


def _place(address: tuple[str, int] | tuple[str, int, int, int]) -> Place:
    """An IPv4 address that is written as one of IPv6 as what it is."""
    host = address[0].partition("%")[0]
    return (host.removeprefix("::ffff:") if "." in host else host), address[1]


def _family(place: Place) -> int:
    return int(_socket.AF_INET6 if ":" in place[0] else _socket.AF_INET)


def _packed(place: Place) -> bytes:
    return _socket.inet_pton(_family(place), place[0])


# --- sock_diag -------------------------------------------------------------------------------------------------------


def _by_diag(there: Place, here: Place) -> tuple[_Socket | None, list[_Socket]]:
    """The socket at `there` that is connected with `here`, and the listeners there unless it says by itself whose it
    is. Raises _NoDiag."""
    diag = _netlink()
    try:
        end, listeners = _search(diag, there, here)
        if end is None and not listeners and _search(diag, here, there)[0] is None:  # ours: it does not know of TCP
            raise _NoDiag
        if end is not None and not (end.inode and end.uid):
            listeners = _search(diag, there, (here[0], 0))[1]
    finally:
        diag.close()
    return end, listeners


def _search(diag: _socket.socket, local: Place, remote: Place) -> tuple[_Socket | None, list[_Socket]]:
    """The socket between two places; the listeners at the first one where there is none. A socket that is bound to a
    device is found only by who asks as if from there, and any user may bind his."""
    listeners = dict[int, _Socket]()
    for device in _devices():
        found = _ask(diag, local, remote, device)
        if found is not None and found.state != _LISTEN:
            return found, []
        if found is not None:
            listeners[found.inode] = found
    return None, [*listeners.values()]


def _devices() -> list[int]:
    """The numbers of the devices, that of `lo` first: what is bound to none is found there, too. Raises _NoDiag."""
    try:
        return sorted(number for number, _ in _socket.if_nameindex())
    except OSError:
        raise _NoDiag from None


def _netlink() -> _socket.socket:
    try:
        return _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _SOCK_DIAG)
    except (OSError, AttributeError):
        raise _NoDiag from None


def _ask(diag: _socket.socket, local: Place, remote: Place, device: int) -> _Socket | None:
    """The socket between two places, as packets that come from a device find it, else the listener at the first one.
    Raises _NoDiag."""
    import struct

    wanted = struct.pack("=BBBxI", _family(local), _socket.IPPROTO_TCP, 0, 0xFFFFFFFF)
    wanted += struct.pack("!HH16s16s", local[1], remote[1], _packed(local), _packed(remote))
    wanted += struct.pack("=I", device) + b"\xff" * 8  # with any cookie
    try:
        diag.send(struct.pack("=IHHII", 16 + len(wanted), _BY_FAMILY, _REQUEST, 1, 0) + wanted)
        said = diag.recv(8_192, _socket.MSG_DONTWAIT)
        _, kind, _, _, _ = struct.unpack_from("=IHHII", said)
        if kind == _ERROR:
            if struct.unpack_from("=i", said, 16)[0] == _NOT_FOUND:
                return None
            raise _NoDiag
        _, state, *_, uid, inode = struct.unpack_from("=BBBB48xIIIII", said, 16)
    except (OSError, struct.error):
        raise _NoDiag from None
    return _Socket(state, uid, inode)


# --- /proc -----------------------------------------------------------------------------------------------------------


def _by_proc(there: Place, here: Place) -> tuple[_Socket | None, list[_Socket]]:
    """As `_by_diag`, with all who listen there; nothing where there is no such file, or it is not for us. Raises
    OSError where it cannot be read or is too long."""
    listeners: list[_Socket] = []
    left = _MOST
    for table, wide in (("tcp", False), ("tcp6", True)):
        if _family(there) == _socket.AF_INET6 and not wide:
            continue
        local, remote = _written(there, wide), _written(here, wide)
        anywhere = b"0" * (32 if wide else 8) + local[-5:]
        try:
            file = open(f"/proc/net/{table}", "rb")  # noqa: SIM115 - as a context below
        except (FileNotFoundError, PermissionError):
            continue
        with file:
            for line in file:  # listeners come first
                if (left := left - len(line)) < 0:
                    raise OSError(f"{table} is longer than {_MOST} bytes")
                if local[-5:] not in line:
                    continue
                _, at, to, state, _, _, _, uid, _, inode, *_ = line.split()
                found = _Socket(int(state, 16), int(uid), int(inode))
                if found.state == _LISTEN and at in (local, anywhere):
                    listeners.append(found)
                elif (at, to) == (local, remote):
                    return found, listeners
    return None, listeners


def _written(place: Place, wide: bool) -> bytes:
    """As those files have it: each four bytes as a number of this machine."""
    packed = _packed(place)
    if wide and len(packed) == 4:
        packed = b"\0" * 10 + b"\xff" * 2 + packed
    words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
    return b"%b:%04X" % (b"".join(b"%08X" % word for word in words), place[1])
