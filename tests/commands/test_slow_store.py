"""A store that answers each question in its time, but slowly: verbs that only read give up in the end, and say so."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.parts.severed import way_to
from tests.parts.verb import heartbeat

pytestmark = pytest.mark.postgres
_TIMEOUT, _DELAY = 2.0, 1.4
_MOST = 9  # statements: that of opening the store, and those that fit in five times the timeout
READERS = [  # those that ask more than that; all open the store in the same way
    ("report", "--date", "today"),
    ("status",),
    ("status", "--format", "json"),
    ("dashboard", "-o", "-"),
    ("metrics",),
]


@pytest.mark.parametrize("words", READERS, ids=lambda words: "-".join(words))
def test_a_reader_does_not_wait_for_ever_for_a_slow_store(
    tmp_path: Path, database: str, words: tuple[str, ...]
) -> None:
    config = tmp_path / "heartbeat.toml"
    table = f'[heartbeat]\nstore = "{{}}"\nstore_timeout = {_TIMEOUT}\nstate_dir = "{tmp_path}/state"\n'
    component = '[components.main]\nkind = "command"\ncommand = ["true"]\ninterval = 0.01\n'
    config.write_text(table.format(database) + component)
    for _ in range(2):
        assert heartbeat(tmp_path, "run").code == 0
    port = urlsplit(database).port
    assert port is not None
    with way_to(port, _DELAY) as way:
        config.write_text(table.format(database.replace(f":{port}/", f":{way.port}/")) + component)
        ended = heartbeat(tmp_path, *words)
    found = re.search(r"too slow: (\d+) statements used up the time there is; try again", ended.err)
    assert ended.code == 3 and found and int(found[1]) <= _MOST
    assert ended.err.count("\n") == 1 and not ended.out
