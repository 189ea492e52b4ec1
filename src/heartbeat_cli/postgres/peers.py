"""Whether a local server may be PostgreSQL, or another user who poses as it and waits for a password.

In a folder that everybody may write to, and on a port above 1,023, anybody can be first where PostgreSQL does not run.
"""

import _socket
import os
import stat
import sys
from collections.abc import Mapping

from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.text import Text
from heartbeat_cli.postgres.guarded import Stranger as Stranger
from heartbeat_cli.system import tcp_owner, trusted

_SERVER = "postgres"
# What may stand before it on a port. Other users of the system, such as www-data and nobody, run code of strangers.
_PROXIES = ("pgbouncer", "pgpool", "haproxy")


def of_socket(path: str) -> str | None:
    """The user that the server at this Unix socket must run as, None where only trusted users could have made it.
    Raises Stranger."""
    try:
        if not os.stat(os.path.dirname(path)).st_mode & stat.S_IWOTH:
            return None
        found = os.lstat(path)
    except OSError:
        return None  # there is none: connecting says so
    if stat.S_ISLNK(found.st_mode) or not tcp_owner.is_trusted(found.st_uid, _SERVER):
        raise Stranger(
            Text(
                "{path} belongs to {who}, where everybody may make one",
                path=path,
                who=tcp_owner.said(found.st_uid),
            )
        )
    return tcp_owner.name(found.st_uid)


def of_connection(link: _socket.socket, host: str, params: Mapping[str, str]) -> None:
    """Raises Stranger when the server at the other end may be another user's: for the host that libpq has connected
    with, and the parameters that it goes by, wherever it has them from. With `requirepeer` libpq itself sees to a Unix
    socket, but to no port."""
    named = params.get("requirepeer")
    if link.family != _socket.AF_UNIX:
        _on_port(link, named, params.get("sslmode", ""))
    elif not named:
        _on_socket(link, host)


def _on_port(link: _socket.socket, named: str | None, sslmode: str) -> None:
    if sslmode in ("verify-ca", "verify-full"):  # libpq connects with no other, and not without a root certificate
        return
    stranger = tcp_owner.stranger(link, *([named] if named else (_SERVER, *_PROXIES)))
    if stranger is not None:
        raise Stranger(stranger)


def _on_socket(link: _socket.socket, host: str) -> None:
    """What only root or we could have made is not judged. Its own name (`getpeername`) is what its maker has written,
    relative to his folder or through /proc/self; a host without a place (`@name`) is anybody's."""
    if host.startswith("/") and _is_alone(host):
        return
    uid = int.from_bytes(link.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)[4:8], sys.byteorder)
    if not tcp_owner.is_trusted(uid, _SERVER, *_PROXIES):
        raise Stranger(
            Text(
                "the server at the socket in {path} runs as {who}, and others may make one there",
                path=one_line(host),
                who=tcp_owner.said(uid),
            )
        )


def _is_alone(folder: str) -> bool:
    try:
        trusted.check_alone(folder)
    except OSError:
        return False
    return True
