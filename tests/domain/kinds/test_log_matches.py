"""For how long a matching line counts."""

from heartbeat_cli.domain.kinds import log_matches
from heartbeat_cli.domain.kinds.log_matches import Recent


def checked(before: Recent, n: int, now: float) -> Recent:
    """A check at `now`, with memory between."""
    after = log_matches.follow(before, n, [f"line at {now:g}"] * n, now, 600)
    return log_matches.remembered(log_matches.kept(after))


def test_a_line_counts_in_three_checks_though_the_clock_was_set_forward() -> None:
    recent = checked(Recent(), 1, 0)
    for now in (4_000, 8_000):
        recent = checked(recent, 0, now)
        assert (recent.total, recent.newest) == (1, 0)
        assert recent.lines == ((0, "line at 0"),)
    recent = checked(recent, 0, 8_060)
    assert (recent.total, recent.lines) == (0, ())


def test_a_line_counts_for_hold_seconds() -> None:
    recent = checked(Recent(), 2, 0)
    for now in range(60, 600, 60):
        assert (recent := checked(recent, 0, now)).total == 2
    assert checked(recent, 0, 600).total == 0
    assert checked(checked(recent, 1, 30), 0, 615).total == 1, (
        "found before the clock was set back: it counts from then"
    )


def test_the_memory_of_the_version_before_is_taken() -> None:
    recent = log_matches.remembered({"counts": [[5.0, 2], [6.0, 1, 3], [7.0, 1, "x"]], "lines": [[5.0, "a"]]})
    assert (recent.total, recent.lines) == (4, ((5.0, "a"),))
