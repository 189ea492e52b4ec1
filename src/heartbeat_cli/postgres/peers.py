"""Whether a local server may be PostgreSQL, or another user who poses as it and waits for a password.

In a folder that everybody may write to, and on a port above 1,023, anybody can be first where PostgreSQL does not run.
/proc/net/tcp is read here and not by psutil, which leaves out the user that a socket belongs to.
"""

import _socket
import os
import stat
import sys
from pathlib import Path

from heartbeat_cli.domain.text import Text
from heartbeat_cli.postgres.guarded import Stranger as Stranger

_TRUSTED = ("root", "postgres")
_LISTENING = "0A"


def of_socket(path: str) -> str | None:
    """The user that the server at this Unix socket must run as, None where only trusted users could have made it.
    Raises Stranger."""
    try:
        if not os.stat(os.path.dirname(path)).st_mode & stat.S_IWOTH:
            return None
        found = os.lstat(path)
    except OSError:
        return None  # there is none: connecting says so
    if stat.S_ISLNK(found.st_mode) or found.st_uid not in _trusted():
        raise Stranger(
            Text(
                "{path} belongs to {who}, where everybody may make one",
                path=path,
                who=_name(found.st_uid) or f"uid {found.st_uid}",
            )
        )
    return _name(found.st_uid)


def of_connection(link: _socket.socket) -> None:
    """Raises Stranger when the server at the other end of a Unix socket may be another user's: in a folder that
    everybody may write to, or without a place in any (`@name`)."""
    name = link.getpeername()
    if isinstance(name, str) and name.startswith("/"):
        of_socket(name)
        return
    uid = int.from_bytes(link.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)[4:8], sys.byteorder)
    if uid not in _trusted():
        who = _name(uid) or f"uid {uid}"
        raise Stranger(Text("the server at that socket runs as {who}, and everybody may make one", who=who))


def on_port(port: int, *names: str) -> bool:
    """Whether nobody but trusted users, and those of these names, listens on this TCP port of this host."""
    trusted = _trusted(*names)
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except (OSError, ValueError):
            continue
        for _, local, _, state, *rest in map(str.split, lines):
            if state == _LISTENING and int(local.rpartition(":")[2], 16) == port and int(rest[3]) not in trusted:
                return False
    return True


def _trusted(*names: str) -> set[int]:
    import pwd

    found = {os.getuid(), 0}
    for name in (*_TRUSTED, *names):
        try:
            found.add(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    return found


def _name(uid: int) -> str | None:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None
