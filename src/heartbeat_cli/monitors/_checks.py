"""The key `checks` of the kinds `agent` and `prometheus`: its mistakes, and what it makes of a reading."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.kinds import health_body
from heartbeat_cli.domain.kinds.check_keys import MEMORY, Check
from heartbeat_cli.domain.kinds.exposition import LABEL, NAME
from heartbeat_cli.domain.kinds.json_path import MISSING, at_path, path_problem
from heartbeat_cli.domain.kinds.value_checks import RANKS, Outcome, evaluate
from heartbeat_cli.domain.text import Text, joined


def problems(checks: Sequence[Check], by: Literal["path", "metric"]) -> list[tuple[str, str]]:
    """What is wrong with the checks, as (key, text); `by` is the key that names a value in this kind."""
    found = []
    figures: dict[str, tuple[Any, ...]] = {}
    for number, check in enumerate(checks):
        where = f"checks[{number}]"
        found += [(f"{where}.{key}", text) for key, text in (*_naming_problems(check, by), *limit_problems(check))]
        if figures.setdefault(check.figure, check.selection) != check.selection:
            text = f"two checks have the figure {check.figure}; give this one a name of its own"
            found.append((f"{where}.name", text))
    return found


def _naming_problems(check: Check, by: Literal["path", "metric"]) -> Iterator[tuple[str, str]]:
    other = "metric" if by == "path" else "path"
    if not getattr(check, by):
        yield by, "is required: a string"
    elif by == "path" and (wrong := path_problem(check.path or "")):
        yield by, wrong
    elif by == "metric" and not re.fullmatch(NAME, check.metric or ""):
        yield by, f"{check.metric!r} is not the name of a metric"
    if getattr(check, other) is not None:
        yield other, f"does not work here; use {by}"
    if check.labels and by == "path":
        yield "labels", "works only with metric"
    for name in check.labels:
        if not re.fullmatch(LABEL, name):
            yield "labels", f"{name!r} is not the name of a label"


def limit_problems(check: Check) -> Iterator[tuple[str, str]]:
    """What is wrong with the limits of one check, as (key, text)."""
    if not check.limits:
        yield "warn", "is required, or critical"
    numbers = [one for one in check.limits if isinstance(one, float) and not isinstance(one, bool)]
    numeric = len(numbers) == len(check.limits)
    if check.op in (">=", "<=", ">", "<") and not numeric:
        yield "op", f"{check.op} compares numbers; a limit is none"
    elif check.op in (">=", ">", "<=", "<") and len(numbers) == 2:
        warn, critical = numbers
        if (warn < critical) if check.op.startswith(">") else (warn > critical):
            yield "warn", f"is never reached: with {check.op}, critical is broken before it"
    if check.rate and (not numeric or check.op == "contains"):
        yield "rate", "works only with limits that are numbers"
    if check.agg is not None and check.op == "contains":
        yield "agg", "does not work with contains"


def kept(checks: Sequence[Check], context: CheckContext) -> Mapping[str, Any]:
    """The memory of a check whose answer could not be judged: the next one can still tell a rate."""
    return {MEMORY: context.memory[MEMORY]} if checks and MEMORY in context.memory else {}


def on_json(reading: Reading, checks: Sequence[Check], text: str, cut: int | None, context: CheckContext) -> Reading:
    """The reading of an answer after the checks on its JSON body; `cut`: bytes after which that was cut off."""
    document = health_body.parse(text)
    if document is MISSING:
        line = Text("the answer is not JSON")
        if cut is not None:
            line = Text("the answer is not JSON (cut at max_body, {n} bytes)", n=cut)
        category: Category | None = "configuration" if health_body.is_page(text) else None
        return combined(reading, Outcome("unhealthy", line, category))._replace(memory=kept(checks, context))
    return after(reading, checks, lambda check: at_path(document, check.path or ""), context)


def after(reading: Reading, checks: Sequence[Check], find: Callable[[Check], Any], context: CheckContext) -> Reading:
    """The reading of an answer after its checks: the worst of both, with every value as a metric."""
    before = context.memory.get(MEMORY)
    outcome = evaluate(checks, find, before if isinstance(before, Mapping) else {}, context.now)
    memory = {MEMORY: dict(outcome.rates)} if outcome.rates else {}
    return combined(reading, outcome)._replace(memory=memory)


def combined(reading: Reading, outcome: Outcome) -> Reading:
    """The worse of a reading and an outcome, with what both say, the worse first."""
    metrics = (*reading.metrics, *outcome.metrics)
    worse = RANKS[outcome.status] > RANKS[reading.status]
    said = (outcome.error, reading.error) if worse else (reading.error, outcome.error)
    error = joined(dict.fromkeys(one for one in said if one)) or None
    status = outcome.status if worse else reading.status
    category = outcome.category if worse else reading.category
    if outcome.status == reading.status:
        category = reading.category or outcome.category
    took = None if status == "unknown" else reading.response_time
    return reading._replace(status=status, response_time=took, error=error, category=category, metrics=metrics)
