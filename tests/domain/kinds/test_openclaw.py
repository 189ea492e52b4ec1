"""The rules of a gateway's readiness page: whatever the page and the memory hold, and from check to check."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.category import CATEGORIES, Category
from heartbeat_cli.domain.kinds import openclaw
from heartbeat_cli.domain.kinds.lasting import Lasting
from heartbeat_cli.domain.kinds.openclaw import Limits, Page, Past

LIMITS = Limits(300.0, 330.0, 1.0, frozenset({"discord"}))
CHANNELS = ("telegram", "discord", "slack")
HIDING = ("gateway-draining", "plugin-reload", "state-database", "agent-database:main", "internal")
NAMES = (*CHANNELS, *HIDING, "startup-sidecars")

_leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(NAMES)
_values = st.recursive(_leaves, lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(), part, max_size=3))
_KEYS = ("failing", "uptimeMs", "eventLoop", "pluginReload", "channels", "lasted")
_loops = st.fixed_dictionaries({}, optional={"delayP99Ms": _values, "utilization": _values})
_reloads = st.fixed_dictionaries({}, optional={"phase": st.sampled_from(("failed", "reloading")), "pluginIds": _values})
_documents = st.fixed_dictionaries(
    {"ready": st.booleans()},
    optional={
        "failing": st.lists(st.sampled_from(NAMES) | st.text(), max_size=12) | _values,
        "uptimeMs": st.floats(0, 1e9) | _values,
        "eventLoop": _loops | _values,
        "pluginReload": _reloads | _values,
    },
)
_moments = st.floats(0, 4e9)
_memories = st.fixed_dictionaries(
    {},
    optional={
        "channels": st.dictionaries(st.text(max_size=5), st.sampled_from(CATEGORIES) | _values) | _values,
        "lasted": st.dictionaries(st.sampled_from(NAMES), st.lists(_moments | _values, max_size=3)) | _values,
    },
)


@given(st.binary() | _values.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_page_is_none(body: bytes) -> None:
    assert openclaw.parse(body) is None
    assert openclaw.says_live(body) is None


@pytest.mark.whole
@given(_documents, _memories, _moments)
def test_any_page_is_judged_and_remembered(document: dict[str, Any], memory: dict[str, Any], now: float) -> None:
    page = openclaw.parse(json.dumps(document).encode())
    assert page is not None
    past = openclaw.remember(page, openclaw.recalled(memory), now, 60.0)
    findings = openclaw.judge(page, LIMITS, past)
    assert {one.status for one in findings} <= {"degraded", "unhealthy"}
    assert {one.category for one in findings} <= set(CATEGORIES)
    assert bool(findings) == (bool(page.failing) or not page.ready)
    assert [one.status for one in findings] == sorted((one.status for one in findings), reverse=True)
    assert openclaw.line(findings).isprintable()
    for figure in (page.uptime, page.loop_delay, page.loop_utilization):
        assert figure is None or 0 <= figure <= 1e12
    kept = openclaw.stored(past)
    assert openclaw.recalled(json.loads(json.dumps(kept))) == past
    assert len(json.dumps(kept)) < 64 * 600


@given(_memories)
def test_any_memory_is_understood(memory: dict[str, Any]) -> None:
    past = openclaw.recalled(memory)
    assert set(past.channels.values()) <= {"credentials", "dependency"}
    assert all(seconds >= 0 and last >= 0 for seconds, last in past.lasting.values())


def test_times_that_cannot_be_are_forgotten() -> None:
    memory = {"lasted": {"gateway-draining": [5], "plugin-reload": [5, 3], "startup-sidecars": [-1, 5]}}
    assert openclaw.recalled(memory) == Past({}, {"plugin-reload": Lasting(5.0, 3.0)})
    assert openclaw.recalled({"lasting": {"plugin-reload": [3, 5]}}) == Past(), "an earlier version's were moments"


_checks = st.lists(st.tuples(st.sets(st.sampled_from((*CHANNELS, *HIDING))), st.floats(1, 200)), max_size=12)


@given(_checks)
def test_a_channel_keeps_its_category_until_a_page_shows_it_well(checks: list[tuple[set[str], float]]) -> None:
    past, uptime, decided = Past(), 0.0, dict[str, Category]()
    for names, later in checks:
        uptime += later
        past = openclaw.remember(Page(not names, tuple(sorted(names)), uptime), past, 1000.0 + uptime, 60.0)
        hidden = bool(names & set(HIDING))
        decided = {name: category for name, category in decided.items() if hidden or name in names}
        for name in names & set(CHANNELS):
            decided.setdefault(name, "credentials" if uptime <= 120 else "dependency")
        assert past.channels == decided


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0, 1e6)), min_size=1, max_size=8))
def test_setting_the_clock_back_never_shortens_what_lasts(checks: list[tuple[float, float]]) -> None:
    """Time goes on between two checks, and then the clock may be set back."""
    page, past, now, longest = Page(False, ("gateway-draining",)), Past(), 1e9, 0.0
    for passed, back in checks:
        for moment in (now + passed, now + passed - back):
            past = openclaw.remember(page, past, moment, 200.0)
            seconds, _ = past.lasting["gateway-draining"]
            assert seconds >= longest
            longest = seconds
        now += passed - back
    assert longest <= sum(passed for passed, _ in checks) + 1e-3
