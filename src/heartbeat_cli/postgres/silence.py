"""Whether a database of this host certainly does not run: nobody listens where its DSN leads. Asked after a connection
has failed, because libpq says why in the language of the system only."""

import _socket
import errno
from collections.abc import Mapping
from contextlib import suppress

from heartbeat_cli.domain.checking.isolation import is_remote
from heartbeat_cli.domain.plain import port
from heartbeat_cli.postgres import libpq

_SECONDS = 0.5  # for each host of the DSN; on this host the answer comes at once
_LOOPBACK = ("127.0.0.1", "::1")
_NOBODY = (errno.ECONNREFUSED, errno.ENOENT)


def nobody_listens(dsn: str) -> bool:
    """Never raises. False where a host of the DSN is another machine, or is not named."""
    with suppress(libpq.Trouble):
        return all(_is_silent(target) for target in libpq.targets(dsn))
    return False


def _is_silent(target: Mapping[str, str]) -> bool:
    host, number = target.get("hostaddr") or target.get("host") or "", port(target.get("port") or "5432")
    if not host or number is None:
        return False
    if host.startswith("/"):
        return _answer(_socket.AF_UNIX, f"{host}/.s.PGSQL.{number}") in _NOBODY
    if is_remote(host):
        return False
    addresses = _LOOPBACK if host.lower().rstrip(".").endswith("localhost") else (host,)  # no name is looked up
    tried = [_answer(_socket.AF_INET6 if ":" in at else _socket.AF_INET, (at, number)) for at in addresses]
    return errno.ECONNREFUSED in tried and 0 not in tried


def _answer(family: int, address: str | tuple[str, int]) -> int:
    """The errno of a connect; 0 when somebody took it."""
    with suppress(OSError):
        link = _socket.socket(family, _socket.SOCK_STREAM)
        try:
            link.settimeout(_SECONDS)
            return link.connect_ex(address)
        finally:
            link.close()
    return errno.EHOSTUNREACH
