"""What is certainly dead is confirmed within one run, each check a heartbeat of its own."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.store.sql.database import connect
from tests.parts.http import Answer, healthy_server
from tests.parts.stores import store_url  # noqa: F401 - a fixture
from tests.parts.verb import heartbeat


@pytest.fixture
def closed() -> Iterator[int]:
    """A port that nobody listens on, and nobody else takes."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def configure(folder: Path, store: str, component: str, more: str = "") -> None:
    (folder / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{store}"\nstate_dir = "{folder}/state"\n{more}\n[components.web]\n{component}\n'
    )


def statuses(store: str) -> list[str]:
    db = connect(store, 5)
    try:
        return [row[0] for row in db.rows("SELECT status FROM heartbeat_logs WHERE component = 'web'")]
    finally:
        db.close()


def test_a_refused_connection_is_in_fault_after_one_run(store_url: str, tmp_path: Path, closed: int) -> None:  # noqa: F811
    """And healed by it: the step is taken by the same run."""
    step = f'recovery = {{ ladder = [{{ action = "command", command = ["touch", "{tmp_path}/healed"] }}] }}'
    configure(
        tmp_path,
        store_url,
        f'kind = "tcp"\nhost = "127.0.0.1"\nport = {closed}\nconfirm_every = 0.05\nretries = 0\n{step}',
    )
    done = heartbeat(tmp_path, "run", "-v")
    assert done.code == 0, done
    assert done.err.count("checked web again") == 2 and "web: opened" in done.err, done.err
    assert statuses(store_url) == ["error"] * 3
    assert (tmp_path / "healed").exists()


def test_what_answers_meanwhile_is_not_in_fault(store_url: str, tmp_path: Path) -> None:  # noqa: F811
    with healthy_server(Answer(503)) as server:
        agent = f'kind = "agent"\nurl = "{server.url}"\nconfirm_every = 0.05\nretries = 0'
        configure(tmp_path, store_url, agent)
        assert heartbeat(tmp_path, "run").code == 0
        assert statuses(store_url) == ["unhealthy"], "a 503 is not certain: it may be over at the next run"


@pytest.mark.parametrize(
    ("own", "strategy", "expected"),
    [
        ("", "aggressive", 3),
        ("", "normal", 1),
        ("confirm_every = 0", "aggressive", 1),
        ("confirm_every = 20", "normal", 1),
    ],
)
def test_it_is_the_aggressive_strategy_that_does_so(
    tmp_path: Path, closed: int, own: str, strategy: str, expected: int
) -> None:
    store = f"sqlite:///{tmp_path}/s.db"
    configure(
        tmp_path,
        store,
        f'kind = "tcp"\nhost = "127.0.0.1"\nport = {closed}\nretries = 0\n{own}',
        f'strategy = "{strategy}"',
    )
    assert heartbeat(tmp_path, "run").code == 0
    assert len(statuses(store)) == expected


def test_another_host_that_refuses_may_be_cut_off_so_nothing_is_certain(tmp_path: Path) -> None:
    from heartbeat_cli.domain.checking.exchange import Fault, Response
    from heartbeat_cli.domain.checking.result import CheckContext
    from heartbeat_cli.monitors import agent

    for url, certain in (("http://localhost:1/", True), ("http://127.0.0.2:1/", True), ("http://db.example:1/", False)):
        settings, refused = agent.Settings(url), Response(0, fault=Fault("connect", "refused", refused=True))
        assert agent.read(settings, refused, CheckContext("web", 1.0, 0.0)).certain is certain
        late = refused._replace(fault=Fault("timeout", "late"))
        assert agent.read(settings, late, CheckContext("web", 1.0, 0.0)).certain is False


def test_a_database_of_this_host_that_does_not_run_is_in_fault_after_one_run(tmp_path: Path, closed: int) -> None:
    store = f"sqlite:///{tmp_path}/s.db"
    dsn = f"host=127.0.0.1 port={closed} user=x dbname=x"
    database = f'kind = "database"\ndsn = "{dsn}"\nconfirm_every = 0.05\nretries = 0'
    configure(tmp_path, store, database)
    done = heartbeat(tmp_path, "run", "-v")
    assert done.code == 0 and "web: opened" in done.err, done.err
    assert statuses(store) == ["error"] * 3


def test_what_one_failure_puts_in_fault_is_tried_again_within_the_check(tmp_path: Path, closed: int) -> None:
    """With a threshold of 1 nothing is confirmed: a service that is just being restarted was reported down."""
    store = f"sqlite:///{tmp_path}/s.db"
    port = f'kind = "tcp"\nhost = "127.0.0.1"\nport = {closed}\nconfirm_every = 2\nfail_threshold = 1'
    configure(tmp_path, store, port)
    assert heartbeat(tmp_path, "run").code == 0
    db = connect(store, 5)
    try:
        assert db.rows("SELECT attempts FROM heartbeat_logs") == [(2,)]
    finally:
        db.close()


def test_a_child_is_not_confirmed_before_its_parent_is_judged(tmp_path: Path, closed: int) -> None:
    """It would be in fault, and restarted, for what is its parent's fault."""
    store = f"sqlite:///{tmp_path}/s.db"
    child = f'kind = "tcp"\nhost = "127.0.0.1"\nport = {closed}\nconfirm_every = 0.05\nretries = 0\ndepends_on = ["up"]'
    configure(tmp_path, store, child)
    path = tmp_path / "heartbeat.toml"
    path.write_text(
        path.read_text() + '[components.up]\nkind = "command"\ncommand = ["sh", "-c", "exit 2"]\nretries = 0\n'
    )
    assert heartbeat(tmp_path, "run").code == 0
    assert statuses(store) == ["error"]
