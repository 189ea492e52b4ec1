"""Names that rotation gives, and lines in pieces of bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.kinds import log_names, log_place
from heartbeat_cli.domain.kinds.log_place import LONGEST, Known, Place, State


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["app.log.1", "app.log.10.gz", "app.log.2"], ["app.log.10.gz", "app.log.2", "app.log.1"]),
        (["app.log-20261128", "app.log-20261127.gz"], ["app.log-20261127.gz", "app.log-20261128"]),
        (["app.log.2026-11-28", "app.log.2026-11-27"], ["app.log.2026-11-27", "app.log.2026-11-28"]),
        (["app-20261128.log", "app-20261127.log.gz"], ["app-20261127.log.gz", "app-20261128.log"]),
        (["app.1.log", "app.2.log"], ["app.2.log", "app.1.log"]),
        (["app.log.old", "app.log"], ["app.log.old"]),
        (["app.log.gz", "app.log", "app.log.tmp"], ["app.log.gz"]),
        (["other.log.1", "app.log.1.bak2", "app.log.x", "xapp.log.1", "app_log.1"], []),
    ],
)
def test_rotated_files_the_oldest_first(names: list[str], expected: list[str]) -> None:
    assert log_names.related(["app.log"], names) == {"app.log": expected}


@pytest.mark.parametrize("name", ["a.log.1", "a.log-20261128", "a.log.old", "a.log.3.gz", "a.log.xz", "a-20261128"])
def test_names_that_a_glob_does_not_mean(name: str) -> None:
    assert log_names.is_rotated(name)


@pytest.mark.parametrize("name", ["a.log", "a-20261128.log", "app1", "v1.2.log", "error_log"])
def test_names_that_a_glob_means(name: str) -> None:
    assert not log_names.is_rotated(name)


PIECES = st.lists(st.sampled_from([b"a", b"\n", b"b" * (LONGEST - 1), b"c" * LONGEST, b"\r\n"]), max_size=12)


@given(PIECES, st.booleans())
def test_lines_lose_nothing(pieces: list[bytes], complete: bool) -> None:
    data = b"".join(pieces)
    lines = log_place.lines_in(data, complete, 100)
    assert log_place.lines_in(data, complete, 2) == lines[:2]
    rest = data[sum(map(len, lines)) :]
    assert b"".join(lines) + rest == data
    assert b"\n" not in rest and len(rest) < LONGEST and not (complete and rest)
    assert all(0 < len(line) <= LONGEST and b"\n" not in line[:-1] for line in lines)


NAMES = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=5)
PLACES = st.builds(
    Place,
    NAMES,
    *[st.integers(0, 2**63)] * 4,
    st.none() | st.floats(0, 1e10, allow_nan=False),
    folder=NAMES,
    rest=st.integers(0, log_place.WINDOW),
    mtime=st.floats(0, 1e10),
    unfound=st.none() | st.floats(0, 1e10),
    tails=st.lists(st.tuples(st.integers(1, log_place.WINDOW), st.integers(0, 2**32)), max_size=64).map(tuple),
)
KNOWN = st.builds(Known, mtime=st.floats(0, 1e10, allow_nan=False))


@given(st.lists(PLACES, max_size=4), st.integers(0, 9), st.integers(0, 9), st.none() | st.lists(KNOWN).map(tuple))
def test_a_state_outlives_the_store(
    places: list[Place], missing: int, behind: int, known: tuple[Known, ...] | None
) -> None:
    state = State("key", 1.5, tuple(places), missing, behind, known)
    assert log_place.remembered(json.loads(json.dumps(log_place.kept(state))), "key") == state
    assert log_place.remembered(log_place.kept(state), "other") is None
