"""Whether a database of this host certainly does not run."""

import socket

import pytest

from heartbeat_cli.postgres.silence import nobody_listens
from tests.parts.postgres import Server, free_port


def test_a_server_that_is_stopped() -> None:
    with Server() as server:
        places = [server.dsn(), f"host={server.home} port={server.port}", f"host=localhost port={server.port}"]
        assert not any(nobody_listens(one) for one in places)
        server.kill()
        assert [nobody_listens(one) for one in places] == [True] * 3
        assert not nobody_listens(f"host=127.0.0.1,db.example.invalid port={server.port}"), "another host may be up"


def test_what_listens_and_says_nothing_may_be_at_work() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not nobody_listens(f"host=127.0.0.1 port={server.getsockname()[1]}")


@pytest.mark.parametrize(
    "dsn", ["", "dbname=x", "host=db.example.invalid", "host=127.0.0.1 port=none", "nonsense=1", "host="]
)
def test_where_that_cannot_be_known(dsn: str) -> None:
    assert not nobody_listens(dsn)


def test_another_address_of_this_host_is_asked_itself() -> None:
    with socket.create_server(("127.0.0.2", 0)) as server:
        number = server.getsockname()[1]
        assert not nobody_listens(f"host=127.0.0.2 port={number}")
        assert nobody_listens(f"host=127.0.0.3 port={number}")
    assert nobody_listens(f"host=127.0.0.1 port={free_port()}")
