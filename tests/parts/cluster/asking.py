"""What the cluster's programs are asked, and waited for."""

import json
import random
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from http.client import HTTPException
from typing import Any

import psycopg2

PATIENCE = 120.0  # seconds; a failover takes some seven


def free_ports(count: int) -> list[int]:
    """So many ports that nobody listens on. None is of those that the system gives to clients: the programs come back
    to theirs again and again, and nobody may have taken it meanwhile."""
    found: list[int] = []
    for port in random.sample(range(12_000, 32_000), 2_000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError(f"no {count} free ports")


def fetched(url: str) -> tuple[int, Any]:
    """The status and the JSON of an answer; 0 where there is none."""
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, None
    except (OSError, ValueError, HTTPException):
        return 0, None


def send(url: str, method: str, data: Any) -> None:
    """Send JSON, and wait for the answer. Raises OSError."""
    body, headers = json.dumps(data).encode(), {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=30).close()


def ask(port: int, sql: str) -> Any:
    """The value of a query."""
    where = f"host=127.0.0.1 port={port} user=postgres dbname=postgres connect_timeout=3"
    with closing(psycopg2.connect(where)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            ((value,),) = cursor.fetchall()
            return value


def wait_until(what: str, done: Callable[[], bool], words: Callable[[], str], patience: float = PATIENCE) -> None:
    ends = time.monotonic() + patience
    while not done():
        assert time.monotonic() < ends, f"not within {patience:.0f} s: {what}\n{words()}"
        time.sleep(0.1)
