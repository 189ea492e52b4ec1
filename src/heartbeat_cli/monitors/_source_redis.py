"""Sources in Redis or Valkey: one command, spoken over a connection of its own in RESP2.

https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

import re
import time
from contextlib import suppress
from socket import socket

from heartbeat_cli.domain.plain import one_line, system_words
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._sources import RedisSource
from heartbeat_cli.system import tcp_owner
from heartbeat_cli.system.resp import USERS, Conversation
from heartbeat_cli.system.tcp import DialError, dial

_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,300}(?:\.[0-9]{0,300})?(?:[eE][-+]?[0-9]{1,3})?|inf|nan)")


def problems(source: RedisSource) -> list[tuple[str, str]]:
    """What is wrong with a source, as (key, text)."""
    found = []
    if not source.command or not all(source.command):
        found.append(("command", 'expected the words of a command, as ["LLEN", "celery"]'))
    if not source.host.strip():
        found.append(("host", "is empty; expected a name or an address"))
    if not 1 <= source.port <= 65_535:
        found.append(("port", f"expected 1 to 65535, got {source.port}"))
    if source.db < 0:
        found.append(("db", f"expected 0 or more, got {source.db}"))
    for key in ("user", "requirepeer"):
        if getattr(source, key) is not None and source.password is None:
            found.append((key, "works only with password"))
    if source.command and (source.field is not None) != (source.command[0].upper() == "INFO"):
        found.append(("field", "is needed with INFO, and works only there"))
    return found


def host_of(source: RedisSource) -> str | None:
    """The host of the server."""
    return source.host


def read(source: RedisSource, deadline: float) -> float:
    """The number, by the deadline (time.monotonic()). Raises Unobservable."""
    try:
        with dial(source.host, source.port, max(0.05, deadline - time.monotonic())) as link:
            talk = Conversation(link, deadline)
            if source.password is not None:
                _check(link, source)
                with suppress(Unobservable):  # it wants the password first
                    talk.ask("PING")
                _check(link, source)  # who has answered has a socket; before, the kernel need not know of it
            reply = _reply(talk, source)
    except DialError as error:
        raise Unobservable(str(error)) from None
    except TimeoutError:
        raise Unobservable(Text("redis did not answer in time")) from None
    except OSError as error:
        raise Unobservable(Text("redis: {why}", why=system_words((error.strerror or str(error)).lower()))) from None
    if reply is None:
        raise Unobservable(Text("redis has no such key"))
    if source.field is not None:
        reply = _field(reply, source.field)
    if not _NUMBER.fullmatch(reply.strip()):
        raise Unobservable(Text("redis answers {said}, not a number", said=f'"{one_line(reply, 60)}"'))
    return float(reply)


def _check(link: socket, source: RedisSource) -> None:
    """Raises Unobservable where another user of this host may be waiting for the password."""
    stranger = tcp_owner.stranger(link, *([source.requirepeer] if source.requirepeer else USERS))
    if stranger is not None:
        raise Unobservable(joined([stranger, Text("if it is meant, name that user with requirepeer")]))


def _reply(talk: Conversation, source: RedisSource) -> str | None:
    """Log in, choose the database, and ask."""
    if source.password is not None:
        talk.ask("AUTH", *([source.user] if source.user is not None else []), source.password)
    if source.db:
        talk.ask("SELECT", str(source.db))
    return talk.ask(*source.command)


def _field(info: str, name: str) -> str:
    for line in info.splitlines():
        key, colon, value = line.partition(":")
        if colon and key == name:
            return value
    raise Unobservable(Text("redis: INFO has no field {name}", name=name))
