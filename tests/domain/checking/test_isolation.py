"""What takes a network, and when silence is too general to be theirs."""

import pytest

from heartbeat_cli.domain.checking.isolation import all_silent, as_unknown, is_remote
from heartbeat_cli.domain.checking.result import Reading

MUTE, WELL, ILL, UNSEEN = (
    Reading("error", error="no answer"),
    Reading("healthy"),
    Reading("unhealthy"),
    Reading("unknown"),
)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST.", "db.localhost", "127.0.0.1", "127.9", "::1", "[::1]", "::ffff:127.0.0.1", "0.0.0.0",
     "/run/postgresql", "@abstract", "", None],
)  # fmt: skip
def test_here(host: str | None) -> None:
    assert not is_remote(host)


@pytest.mark.parametrize(
    "host",
    ["example.org", "localhost-db.example.org", "localhost.example.org", "127.example.org", "10.0.0.1", "2001:db8::1"],
)
def test_elsewhere(host: str) -> None:
    assert is_remote(host)


def test_all_of_at_least_two() -> None:
    assert all_silent({"a": MUTE, "b": MUTE, "here": WELL}, ["a", "b"])
    assert not all_silent({"a": MUTE, "b": WELL}, ["a", "b"]), "one answers"
    assert not all_silent({"a": MUTE, "b": ILL}, ["a", "b"]), "a bad answer is an answer"
    assert not all_silent({"a": MUTE}, ["a", "b"]), "one alone is its own fault"
    assert not all_silent({"a": MUTE, "b": UNSEEN}, ["a", "b"]), "what was not looked at does not count"
    assert not all_silent({}, [])


def test_unknown_are_the_remote_ones_only() -> None:
    seen = as_unknown({"a": MUTE._replace(memory={"n": 1}, evidence={"x": "y"}), "here": MUTE}, ["a", "b"], "cut off")
    assert (seen["a"].status, seen["a"].error) == ("unknown", "cut off; seen: no answer")
    assert seen["a"].memory == {"n": 1} and not seen["a"].evidence
    assert seen["here"] == MUTE
