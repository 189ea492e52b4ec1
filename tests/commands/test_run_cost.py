"""What a healthy `heartbeat run` costs, counted: the machine that tests may be busy, its counts are not."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from heartbeat_cli.commands._base import App
from heartbeat_cli.commands._chain import whole_pass
from tests.parts.hours import within_an_hour  # noqa: F401 - the fixture
from tests.parts.postgres import execute
from tests.parts.postgres_wire import relay
from tests.parts.stores import *  # noqa: F403 - the fixture of both stores
from tests.parts.verb import heartbeat

pytestmark = pytest.mark.usefixtures("within_an_hour")

# Each is a round trip to PostgreSQL, besides those that open the connection.
STATEMENTS = {"sqlite": 22, "postgres": 23}
IN_COMPANY = {"sqlite": 6, "postgres": 5}  # more, of a host that is not alone; one more yet where it ends the round


class Counting(App):
    """Remembers how many statements its keeper's store was given."""

    statements: int
    dialect: str

    @contextmanager
    def keeper(self, wait: float = 10.0, begin: Callable[[], None] = lambda: None, turn: float = 0.0) -> Iterator[Any]:
        with super().keeper(wait, begin, turn) as keeper:
            yield keeper
            self.statements, self.dialect = keeper.db.statements, keeper.db.dialect


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0), backlog=1_000) as server:
        yield server.getsockname()[1]


def config(folder: Path, store_url: str, port: int, components: int, observer: str = "one") -> str:
    path = folder / f"{observer}.toml"
    blocks = [f'[heartbeat]\nstore = "{store_url}"\nstate_dir = "{folder}/{observer}"\nobserver = "{observer}"']
    blocks += [
        f'[components.c{number}]\nkind = "tcp"\nhost = "127.0.0.1"\nport = {port}\ninterval = 0.01'
        for number in range(components)
    ]
    path.write_text("\n\n".join(blocks))
    return str(path)


@pytest.mark.parametrize("components", [1, 12])
def test_a_healthy_pass_is_a_fixed_number_of_statements(
    store_url: str, port: int, tmp_path: Path, components: int
) -> None:
    """However many components there are, and none of them grows with what is stored."""
    path = config(tmp_path, store_url, port, components)
    app, seen = Counting(path), []
    for _ in range(6):
        time.sleep(0.01)  # its interval
        assert whole_pass(app, False) == 0
        seen.append(app.statements)
    assert seen[1:] == [STATEMENTS[app.dialect]] * 5


@pytest.mark.parametrize("components", [1, 12])
def test_in_company_it_is_a_fixed_number_too(store_url: str, port: int, tmp_path: Path, components: int) -> None:
    """Whether or not it is this host's turn to judge, and however many things they look at together."""
    apps = [Counting(config(tmp_path, store_url, port, components, name)) for name in ("one", "two")]
    seen: list[list[int]] = [[], []]
    for _ in range(8):
        for app, counts in zip(apps, seen, strict=True):
            time.sleep(0.01)
            assert whole_pass(app, False) == 0
            counts.append(app.statements)
    dialect = apps[0].dialect
    more = STATEMENTS[dialect] + IN_COMPANY[dialect]
    assert sorted(counts[-3:] for counts in seen) == [[more] * 3, [more + 1] * 3]


# What a host that checks 3,000 components of its own leaves in the store.
_OTHERS = """
    INSERT INTO heartbeat_components (id, kind, registered) SELECT 'other-' || n, 'tcp', now() FROM {numbers};
    INSERT INTO heartbeat_looks (observer, component, at, status, evidence, memory)
        SELECT 'two', 'other-' || n, now(), 'healthy', '{{}}', '{{}}' FROM {numbers};
    INSERT INTO heartbeat_state (component, state, fail_count, success_count, flapping, since, degraded_count, degraded,
        grace_looks, history) SELECT 'other-' || n, 'healthy', 0, 3, FALSE, now(), 0, FALSE, 0, '' FROM {numbers};
    INSERT INTO heartbeat_settings (name, value)
        SELECT 'sights/host' || n, repeat('x', 60 * 100) FROM generate_series(1, 100) n
"""


@pytest.mark.postgres
def test_what_others_check_is_not_sent_to_a_host(database: str, port: int, tmp_path: Path) -> None:
    """A pass gets as many bytes from the store, and the mirror takes as many, however much other hosts check: ten hosts
    that each read everything would be a hundred times the work of one."""
    with relay(urlsplit(database).port or 0) as counting:
        store_url = database.replace(f":{urlsplit(database).port}/", f":{counting.port}/")
        apps = [Counting(config(tmp_path, store_url, port, 12, name)) for name in ("one", "two")]

        def traffic() -> tuple[int, int, int]:
            for _ in range(3):  # the last one is after what a new host reads once
                time.sleep(0.01)
                assert whole_pass(apps[0], False) == 0
            counting.taken()
            assert whole_pass(apps[0], False) == 0
            (mirror,) = tmp_path.glob("one/**/mirror.json")
            taken = counting.taken()
            return taken.statements, taken.received, mirror.stat().st_size

        assert whole_pass(apps[1], False) == 0
        alone = traffic()
        execute(database, _OTHERS.format(numbers="generate_series(1, 3000) n"))
        in_company = traffic()
    assert in_company[0] == alone[0]
    assert all(b <= a * 1.1 + 500 for a, b in zip(alone, in_company, strict=True)), (alone, in_company)


@pytest.mark.parametrize("words", [("run",), ("run", "-v"), ("run", "--verbose")])
def test_run_without_click_is_the_run_with_it(port: int, tmp_path: Path, words: tuple[str, ...]) -> None:
    """As cron writes it, it goes past click; written in any other way it does the same through click."""
    path = config(tmp_path, f"sqlite:///{tmp_path}/store.db", port, 1)
    past, through = (heartbeat(tmp_path, *head, *words) for head in (("--config", path), (f"--config={path}",)))
    assert (past.code, past.out) == (through.code, through.out) == (0, "")
    assert [line.split()[0] for line in past.err.splitlines()] == ["checked", "done"] * (len(words) > 1)
    assert [line.split()[0] for line in through.err.splitlines()] == ["checked", "done"] * (len(words) > 1)


def test_mistakes_are_said_the_same_way(tmp_path: Path) -> None:
    past, through = heartbeat(tmp_path, "--config", "x", "run"), heartbeat(tmp_path, "--config=x", "run")
    assert past == through
    assert past.err.startswith("heartbeat: x: no such file (--config)")
    assert heartbeat(tmp_path, "--config", "run").code == 2, "--config takes `run` for its file"
