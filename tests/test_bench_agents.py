"""The bench of agent software: its judge, its parts, and that its scenarios are configurations that load."""

import subprocess
import time
import tomllib
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from bench import _agents_http
from bench._agents_judge import Check, Curled, Outcome, Step, judge
from bench._agents_parts import Small
from bench._agents_run import configuration, noted
from bench._agents_scenario import Place, Restart, Scenario

from heartbeat_cli.config import load
from heartbeat_cli.domain.category import CATEGORIES

AT = 1000.0


def check(second: float, status: str = "healthy", category: str | None = None) -> Check:
    return Check("it", AT + second, status, category, None if status == "healthy" else "it fails")


def judged(label: str, restart: Restart, checks: list[Check], steps: tuple[float, ...] = ()) -> Outcome:
    scenario = Scenario("it", "agent", label, restart, {})
    taken = [Step("it", AT + second, "done", "") for second in steps]
    return judge(scenario, AT, [check(-2), *checks], taken, Curled(0, 0))


FAILING = [check(2, "error"), check(4, "error", "process"), check(6, "error", "process")]


def test_a_fault_that_a_restart_heals() -> None:
    one = judged("process", "must", [*FAILING, check(8, "unhealthy", "starting"), check(10), check(12)], (6.5,))
    assert (one.seen, one.said, one.right, one.restarts, one.healed) == (2.0, "process", True, 1, 10.0)
    assert (one.early, one.wrongly_restarted) == ("", False)


@pytest.mark.parametrize(
    ("checks", "steps"),
    [
        ([*FAILING, check(8), check(10, "error", "process")], (6.5,)),
        ([*FAILING, check(8)], (6.5,)),  # one good check is no proof
        ([*FAILING, check(8), check(10)], ()),  # it came back by itself
        ([], ()),
    ],
)
def test_what_is_not_healed_by_a_restart(checks: list[Check], steps: tuple[float, ...]) -> None:
    assert judged("process", "must", checks, steps).healed is None


@pytest.mark.parametrize(
    ("label", "last", "right"),
    [
        ("quota", check(4, "unhealthy", "quota"), True),
        ("quota", check(4, "unhealthy", "process"), False),
        ("process", check(4, "unhealthy"), True),  # a failing check that does not say
        ("none", check(4, "degraded"), True),
        ("starting", check(4, "degraded", "starting"), True),
        ("unknown", check(4, "unknown"), True),
        ("healthy", check(4, "unknown"), False),
        ("healthy", check(4), True),
        ("quota", check(4), False),
    ],
)
def test_the_label_that_the_checks_arrive_at(label: str, last: Check, right: bool) -> None:
    assert judged(label, "never", [last]).right is right


def test_a_restart_in_vain_and_a_failure_while_all_was_well() -> None:
    one = judged("quota", "never", [check(-1, "error", "process"), check(2, "unhealthy", "quota")], (3.0,))
    assert one.wrongly_restarted
    assert one.early == "error: it fails"


def fetched(url: str) -> bytes:
    """The answer of the new process: the one that was killed may take a connection yet, and reset it."""
    ends = time.monotonic() + 20
    while True:
        try:
            found: bytes = urlopen(url, timeout=20).read()
            return found
        except HTTPError:
            raise
        except OSError:
            assert time.monotonic() < ends
            time.sleep(0.05)


@pytest.mark.parametrize("mended", [True, False])
def test_a_part_is_really_restarted_and_notes_it(tmp_path: Path, mended: bool) -> None:
    """What stays broken is so after a restart too; a new process answers either way."""
    part = Small(tmp_path / "part", {"body": "@SECONDS@ well"})
    scenario = Scenario("part", "agent", "process", "must", {}, steps=(part.step,))
    try:
        part.start()
        part.wait()
        first = (part.folder / "pid").read_text()
        (part.breaks_until_restart if mended else part.breaks)({"status": 500})()
        with pytest.raises(HTTPError, match="500"):
            urlopen(part.url(), timeout=20)
        part.freeze()
        subprocess.run(part.step["command"], check=True, timeout=60)
        part.wait()
        assert (part.folder / "pid").read_text() != first
        assert (noted(scenario, 0.0), noted(scenario, 9e9)) == (1, 0)
        if mended:
            assert fetched(part.url()).endswith(b" well")
        else:
            with pytest.raises(HTTPError, match="500"):
                fetched(part.url())
    finally:
        part.stop()


def test_the_scenarios_over_http_are_configurations_with_known_labels(tmp_path: Path) -> None:
    """Nothing is started; a key that a kind no longer has fails here and not after minutes."""
    with ExitStack() as stack:
        place = Place(tmp_path / "http", stack)
        builders = (_agents_http.agents, _agents_http.gateways, _agents_http.engines)
        scenarios = [one for build in builders for one in build(place)]
    assert len(scenarios) >= 40
    assert len({one.id for one in scenarios}) == len(scenarios)
    for one in scenarios:
        assert one.label in {*CATEGORIES, "healthy", "unknown", "none"}
        assert one.steps, f"{one.id}: without a step nothing could be restarted wrongly"
    for broken in (False, True):
        table = tomllib.loads(configuration(tmp_path, scenarios, broken))
        components = load.load(table, "bench").components
        assert {id_: len(one.plan.ladder) for id_, one in components.items()} == {one.id: 1 for one in scenarios}
