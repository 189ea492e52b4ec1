"""The queues of Celery and RQ in the Redis of this host, for `init --discover --deep`.

It asks names only. A Redis that wants a password, or that runs as another user, is not asked further. Names that a
configuration would take for a reference (`file:`, `env:`) are left out: anybody may give a queue its name.
"""

import re
import time

from heartbeat_cli.domain.record import Record
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.system import tcp_owner
from heartbeat_cli.system.resp import USERS, Conversation
from heartbeat_cli.system.tcp import DialError, dial

PORT = 6379
_HOST = "127.0.0.1"
_MOST = 20  # queues
_CELERY = "_kombu.binding."  # and the exchange: kombu keeps a set of this name for each
_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
_NO_QUEUES = ("celeryev", "pidbox")  # events and remote control of workers


class Queue(Record):
    """A queue: whose it is (`celery`, `rq`), its name, and the key of the list that holds what waits."""

    owner: str
    name: str
    key: str


def queues(seconds: float, port: int = PORT) -> tuple[list[Queue], str]:
    """The queues, and a note where there is a Redis that may not be asked."""
    deadline = time.monotonic() + seconds
    try:
        with dial(_HOST, port, seconds) as link:
            if tcp_owner.stranger(link, *USERS) is not None:
                return [], f"Redis on port {port}: not asked, for another user listens there"
            talk = Conversation(link, deadline)
            found = [one for one in (*_of_celery(talk), *_of_rq(talk)) if _is_plain(one.key)]
            return found[:_MOST], ""
    except DialError:
        return [], ""
    except (Unobservable, OSError) as error:
        return [], f"Redis on port {port}: {str(error) or 'no answer in time'}"


def _is_plain(key: str) -> bool:
    return _KEY.fullmatch(key) is not None and not key.startswith(("env:", "file:"))


def _of_celery(talk: Conversation) -> list[Queue]:
    found = sorted(talk.names("KEYS", f"{_CELERY}*")) if int(talk.ask("DBSIZE") or 0) < 100_000 else []
    names = [one.removeprefix(_CELERY) for one in found]
    return [Queue("celery", name, name) for name in names if not any(word in name for word in _NO_QUEUES)]


def _of_rq(talk: Conversation) -> list[Queue]:
    keys = sorted(talk.names("SMEMBERS", "rq:queues"))  # rq:queue:<name>
    return [Queue("rq", key.removeprefix("rq:queue:"), key) for key in keys]
