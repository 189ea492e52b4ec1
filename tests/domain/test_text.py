"""Rows of sentences."""

from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.text import Text, joined, listed
from heartbeat_cli.redact import redact


def test_a_row_is_as_long_as_somebody_else_makes_it() -> None:
    """A Docker Engine that listed 400 containers ended every pass by a RecursionError."""
    row = joined([Text("{name}: no time left", name=f"c{number}") for number in range(5_000)])
    assert row.startswith("c0: no time left; c1: no time left; ") and row.endswith("; c4999: no time left")
    assert one_line(redact(row, frozenset({"secret"})), 300).startswith("c0: ")
    assert listed(["a", "b", "c"]) == "a, b, c" and joined(["a"]) == "a" and joined([]) == ""
