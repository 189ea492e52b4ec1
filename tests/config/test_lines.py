"""Where keys stand in a TOML text, beside what tomllib reads in it."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.config import lines

TEXT = '''# a comment [not.a.table]
[heartbeat]
store = "sqlite:///x.db" # store = 2
include = [
  "a.toml",  # 5

  'b.toml',
]

[components.web]
kind = "agent"
url = "http://localhost/#[x]"
headers = { "X-Key" = "a", inner = { deep = [1, { a = 2 }] } }
body = """
[components.fake]
kind = "tcp"
"""
recovery.mode = "on"
at = 2026-01-01 10:00:00
[[components.web.recovery.ladder]]
action = "systemd"
[[components.web.recovery.ladder]]
  action = "script"
[components."a.b"]
'quo.ted' = 1
"\\u0041" = 2'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("heartbeat", 2),
        ("heartbeat store", 3),
        ("heartbeat include", 4),
        ("heartbeat include 1", 7),
        ("components web", 10),
        ("components web url", 12),
        ("components web headers X-Key", 13),
        ("components web headers inner deep 1 a", 13),
        ("components web body", 14),
        ("components web recovery", 18),
        ("components web recovery mode", 18),
        ("components web at", 19),
        ("components web recovery ladder 0 action", 21),
        ("components web recovery ladder 1", 22),
        ("components web recovery ladder 1 action", 23),
        ("components a.b quo.ted", 25),
        ("components a.b A", 26),
    ],
)
def test_a_key_has_its_line(path: str, line: int) -> None:
    assert lines.of(TEXT)[tuple(path.split(" "))] == line


def test_what_is_missing_has_the_line_of_its_table() -> None:
    known = lines.of(TEXT)
    assert lines.line(known, ("components", "web", "port")) == 10
    assert lines.line(known, ("components", "web", "recovery", "ladder", "1", "unit")) == 22
    assert lines.line(known, ("nowhere",)) is None
    assert ("components", "fake") not in known


def paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in pairs:
        yield (*path, str(key))
        yield from paths(one, (*path, str(key)))


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    texts | st.integers(-9, 9) | st.booleans() | st.floats(allow_nan=False) | st.datetimes() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(texts, values, max_size=5), st.booleans())
def test_every_key_that_tomllib_reads_is_found(tables: dict[str, Any], multiline: bool) -> None:
    text = tomli_w.dumps(tables, multiline_strings=multiline)
    known = lines.of(text)
    assert set(paths(tomllib.loads(text))) <= known.keys()
    assert all(1 <= number <= text.count("\n") + 1 for number in known.values())
