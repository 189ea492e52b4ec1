"""What a `heartbeat run` with many components costs while some of them fail, counted."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.commands._chain import whole_pass
from tests.commands.test_run_cost import Counting, port  # noqa: F401 - the fixture
from tests.parts.hostile import unused_port
from tests.parts.hours import within_an_hour  # noqa: F401 - the fixture
from tests.parts.postgres import fresh_database

pytestmark = pytest.mark.usefixtures("within_an_hour")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def two_stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/one.db", f"sqlite:///{tmp_path}/other.db"
    else:
        server = request.getfixturevalue("postgres_server")
        with fresh_database(server) as one, fresh_database(server) as other:
            yield one, other


def statements(folder: Path, store_url: str, port: int, number: int) -> list[int]:  # noqa: F811
    """Of each of six passes over `number` components, every 20th of which refuses, with the default threshold of 3."""
    folder.mkdir()
    closed = unused_port()
    told = f'[channels.told]\nkind = "file"\npath = "{folder}/told"'
    blocks = [f'[heartbeat]\nstore = "{store_url}"\nstate_dir = "{folder}/state"', told]
    blocks += [
        f'[components.c{one}]\nkind = "tcp"\nhost = "127.0.0.1"\nport = {port if one % 20 else closed}\n'
        'interval = 0.01\nrecovery = "off"\nretries = 0'
        for one in range(number)
    ]
    path = folder / "heartbeat.toml"
    path.write_text("\n\n".join(blocks))
    app, seen = Counting(str(path)), []
    for _ in range(6):
        time.sleep(0.01)  # its interval
        assert whole_pass(app, False) == 0
        seen.append(app.statements)
    assert len((folder / "told").read_text().splitlines()) == 1, "however many fall together, one message"
    return seen


def test_failing_ones_cost_no_statements_of_their_own(
    two_stores: tuple[str, str],
    port: int,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Only the pass that opens incidents has some for each: whether an incident is to be reopened, the incident, its
    alert, and who is notified."""
    few = statements(tmp_path / "few", two_stores[0], port, 40)  # 2 of them failing
    many = statements(tmp_path / "many", two_stores[1], port, 100)  # 5
    assert many[1] == few[1], "below the threshold"
    assert many[2] - few[2] == (5 - 2) * 4
    assert max(many[3:]) <= max(few[3:]), "while the incidents last"
