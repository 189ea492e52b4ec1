"""Random stories for `recovery_history`, and what plays them."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from tests.parts.http import Server
from tests.parts.recovery_history import Fall, History, Kill, StepPlan, Story

_PLANS = st.builds(StepPlan, st.integers(0, 3), st.sampled_from(["never", "at once", "later"]))


@st.composite
def stories(draw: st.DrawFn) -> Story:
    ladders = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)))
    passes = draw(st.integers(4, 20))
    falls = []
    for _ in range(draw(st.integers(1, 5))):
        component = draw(st.integers(0, len(ladders) - 1))
        plans = tuple(draw(_PLANS) for _ in range(ladders[component]))
        falls.append(Fall(draw(st.integers(0, passes - 1)), component, plans))
    kills = draw(st.lists(st.builds(Kill, st.integers(0, passes - 1), st.booleans()), max_size=4))
    return Story(ladders, tuple(falls), tuple(kills), draw(st.sampled_from([1, 1, 2])), passes)


def play(server: Server, many: int, seed: int) -> int:
    """Play so many stories; one that goes wrong raises AssertionError, shrunk. Returns how many were played."""
    played = 0

    @seeded(seed)
    @settings(max_examples=many, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(stories())
    def goes_well(story: Story) -> None:
        nonlocal played
        with tempfile.TemporaryDirectory() as folder:
            history = History(Path(folder), server, story)
            history.play()
        played += 1
        assert not history.wrong, history.wrong

    goes_well()
    return played
