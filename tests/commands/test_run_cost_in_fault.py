"""What a `heartbeat run` costs while something stays down, counted: it goes on for as long as the fault does."""

import time
from pathlib import Path

import pytest

from heartbeat_cli.commands._chain import whole_pass
from tests.commands.test_run_cost import STATEMENTS, Counting
from tests.parts.hours import within_an_hour  # noqa: F401 - the fixture
from tests.parts.stores import *  # noqa: F403 - the fixture of both stores

pytestmark = pytest.mark.usefixtures("within_an_hour")

# Statements more than of a healthy pass: what is open, kept back and was tried; in the copy for the next pass, too,
# which SQLite needs none of; and what the lines that were said are made of.
FAULTS = {"sqlite": 12, "postgres": 16}


@pytest.mark.parametrize("components", [1, 12])
def test_a_pass_in_fault_is_a_fixed_number_of_statements(store_url: str, tmp_path: Path, components: int) -> None:
    """However many components are down; those that wait for a person's word are decided upon in each pass."""
    path = tmp_path / "heartbeat.toml"
    blocks = [f'[heartbeat]\nstore = "{store_url}"\nstate_dir = "{tmp_path}/state"\n[recovery]\nmode = "ask"']
    blocks += [f'[channels.file]\nkind = "file"\npath = "{tmp_path}/told"']
    blocks += [
        f'[components.c{number}]\nkind = "agent"\nurl = "http://127.0.0.1:9/health"\n'
        "interval = 0.01\nretries = 0\nfail_threshold = 1"
        for number in range(components)
    ]
    path.write_text("\n\n".join(blocks))
    app, seen = Counting(str(path)), []
    for _ in range(23):  # histories fill up, see the healthy pass
        time.sleep(0.01)
        assert whole_pass(app, False) == 0
        seen.append(app.statements)
    assert (tmp_path / "told").read_text().count("\n") == 1, "one message tells of all"
    assert seen[-2:] == [STATEMENTS[app.dialect] + FAULTS[app.dialect]] * 2
