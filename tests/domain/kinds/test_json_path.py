"""Values by dotted path: one table row per case, and properties over any document."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.kinds.json_path import MISSING, at_path, path_problem


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("status", "ok"),
        ("checks.0.state", "up"),
        ("checks.1.state", "down"),
        ("checks", [{"state": "up"}, {"state": "down"}]),
        ("numbers.10", "a key, not a position"),
        ("nothing", None),
        ("checks.2.state", MISSING),
        ("checks.-1.state", MISSING),
        ("checks.state", MISSING),
        ("checks." + "9" * 5000, MISSING),
        ("status.ok", MISSING),
        ("nothing.more", MISSING),
        ("missing", MISSING),
    ],
)
def test_dotted_paths(path: str, value: Any) -> None:
    document = json.loads(
        """{"status": "ok", "checks": [{"state": "up"}, {"state": "down"}], "nothing": null,
        "numbers": {"10": "a key, not a position"}}"""
    )
    found = at_path(document, path)
    assert found is MISSING if value is MISSING else found == value


def test_bad_paths_are_explained() -> None:
    assert path_problem("checks.0.state") is None
    for bad in ("", ".", "a..b", ".a", "a."):
        assert "empty step" in (path_problem(bad) or "")
    assert path_problem(".".join("a" * 20)) is None
    assert path_problem(".".join("a" * 21)) == "has more than 20 steps"


ENDPOINTS = {
    "healthy_endpoints": [{"model": "a"}, {"model": "b"}, {"api": "x"}],
    "none": [],
    "queues": {"high": {"depth": 3}, "low": {"depth": 4}},
    "nested": [{"in": [{"n": 1}, {"n": 2}]}, {"in": [{"n": 3}]}, {"in": 4}],
    "odd": {"*": 1, "length()": 2},
    "word": "abc",
    "n": 7,
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("healthy_endpoints.*.model", ["a", "b"]),
        ("healthy_endpoints.*", ENDPOINTS["healthy_endpoints"]),
        ("healthy_endpoints.length()", 3),
        ("healthy_endpoints.*.length()", [1, 1, 1]),
        ("none.*.model", []),
        ("none.length()", 0),
        ("queues.*.depth", [3, 4]),
        ("queues.length()", 2),
        ("nested.*.in.*.n", [1, 2, 3]),
        ("nested.*.in.length()", [2, 1]),
        ("odd.*", 1),
        ("odd.length()", 2),
        ("word.length()", 3),
        ("word.*", MISSING),
        ("n.length()", MISSING),
        ("n.*", MISSING),
        ("absent.*", MISSING),
        ("absent.length()", MISSING),
    ],
)
def test_all_elements_and_lengths(path: str, value: Any) -> None:
    found = at_path(ENDPOINTS, path)
    assert found is MISSING if value is MISSING else found == value


names = st.sampled_from(["a", "b", "0", "1", "*", "length()", "x"])
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=20,
)


def walk(value: Any, steps: list[str]) -> Iterator[Any]:
    """Every value that the path means, by recursion over one value at a time."""
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if isinstance(value, dict) and step in value:
        yield from walk(value[step], rest)
    elif step == "*" and isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from walk(one, rest)
    elif step == "length()" and isinstance(value, dict | list | str):
        yield from walk(len(value), rest)
    elif isinstance(value, list) and step in ("0", "1") and int(step) < len(value):
        yield from walk(value[int(step)], rest)


@given(documents, st.lists(names, min_size=1, max_size=5))
def test_a_path_finds_what_a_walk_finds(document: Any, steps: list[str]) -> None:
    found, expected = at_path(document, ".".join(steps)), list(walk(document, steps))
    if found is MISSING:
        assert expected == []
    elif found not in expected[:1] or len(expected) != 1:
        assert found == expected


def test_a_document_of_many_elements_is_walked_through_once_a_step() -> None:
    document: Any = [1]
    for _ in range(60):
        document = [document, document] if len(json.dumps(document)) < 200_000 else document
    assert len(at_path(document, ".".join("*" * 20))) < 200_000
