"""The groups of `bench agents`: which scenarios stand in one configuration, and what is left out for want of a part."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench import _agents_boxes, _agents_http, _agents_llm, _agents_mcp, _agents_real
from bench._agents_judge import Outcome
from bench._agents_run import Run
from bench._agents_scenario import Place, Scenario

Builder = Callable[[Place], Iterator[Scenario]]

# What is heavy has a group of its own: on two cores a check must not wait for the start of something else.
GROUPS: dict[str, Sequence[Builder]] = {
    "http": (_agents_http.agents, _agents_http.gateways, _agents_http.engines, _agents_real.redis, _agents_llm.models),
    "boxes": (_agents_boxes.units, _agents_boxes.containers),
    "queues": (_agents_real.workers, _agents_real.database, _agents_real.langgraph),
    "mcp": (_agents_mcp.fastmcp, _agents_mcp.everything, _agents_mcp.litellm),
}


def play(folder: Path, wanted: frozenset[str]) -> tuple[list[Outcome], list[str]]:
    """What became of every scenario (of those wanted, if any are), and what was left out."""
    outcomes: list[Outcome] = []
    left_out: list[str] = []
    for name, builders in GROUPS.items():
        with ExitStack() as stack:
            place = Place(folder / name, stack, wanted)
            place.folder.mkdir()
            scenarios: list[Scenario] = []
            for build in builders:
                scenarios += _built(build, place, left_out)
            if scenarios:
                place.start()
                outcomes += Run(place.folder, scenarios).play()
    return outcomes, left_out


def _built(build: Builder, place: Place, left_out: list[str]) -> list[Scenario]:
    try:
        return [one for one in build(place) if not place.wanted or one.id in place.wanted]
    except pytest.skip.Exception as lacking:
        left_out.append(f"{build.__name__}: {' '.join(str(lacking).split())}")
        return []
