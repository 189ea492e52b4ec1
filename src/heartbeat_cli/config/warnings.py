"""What a configuration may hold and that cannot work as it was meant: limits that are never reached, checks that take
longer than their interval, settings without an effect. For `config check` and `doctor`; no pass imports this.
"""

import re
from collections.abc import Iterable, Iterator

from heartbeat_cli import plugins
from heartbeat_cli.config import unused
from heartbeat_cli.config.origins import Origins, located
from heartbeat_cli.config.problems import Problem
from heartbeat_cli.config.types import Channel, Config
from heartbeat_cli.domain.component import Component, severity_rank
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.strategy import STRATEGIES, Strategy
from heartbeat_cli.domain.text import Text

_SHORTER = Text("choose less than the timeout")
_BRACKET = re.compile(r"\[([^!\]][^\]]*)\]")


class Remark(Record):
    """The `key` of the effective configuration, what is the matter with it, and what to do."""

    key: str
    text: str
    advice: str


def remarks(config: Config) -> Iterator[Remark]:
    """Everything of that sort, in the order of the file's sections."""
    pace = STRATEGIES[config.heartbeat.strategy]
    if config.heartbeat.ping_every is not None and config.heartbeat.ping_url is None:
        yield Remark("heartbeat.ping_every", Text("has no effect without ping_url"), Text("set ping_url, or remove it"))
    if config.recovery.budget > config.recovery.host_budget:
        yield _over_host_budget("recovery.budget", config.recovery.budget, config)
    for component in config.components.values():
        if component.settings is not None:
            yield from _component(component, pace, config)
    for channel in config.channels.values():
        yield from _channel(channel)
    for key, text, advice in (*unused.channels(config), *unused.defaults(config), *unused.includes(config)):
        yield Remark(key, text, advice)


def lines(config: Config, found: Iterable[Remark]) -> list[str]:
    """A line for each place in the files."""
    return located_lines(config, ((one.key, f"warning: {one.text}; {one.advice}") for one in found))


def located_lines(config: Config, found: Iterable[tuple[str, str]]) -> list[str]:
    """Keys and texts with file and line: what one block or default does to fifty components is said once."""
    problems = [Problem.of(config.source, key, text) for key, text in found]
    return located(problems, Origins(config.files, config.blocks)) if config.files else list(problems)


def _component(component: Component, pace: Strategy, config: Config) -> Iterator[Remark]:
    where, own = f"components.{component.id}", component.common
    interval, timeout = component.interval(pace), component.timeout(pace)
    if timeout > interval:
        text = Text(
            "a check may take {timeout:g} s, and the next one is due after {interval:g} s",
            timeout=timeout,
            interval=interval,
        )
        key = "interval" if own.timeout is None and own.interval is not None else "timeout"
        yield Remark(f"{where}.{key}", text, Text("choose a timeout that is shorter than the interval"))
    for key, seconds in (("slow_after", own.slow_after), ("slow_floor", own.slow_floor if own.slow_factor else None)):
        if seconds is not None and seconds >= timeout:
            yield _never(
                f"{where}.{key}",
                f"{seconds:g} s",
                Text("a check ends at its timeout of {timeout:g} s", timeout=timeout),
            )
    if own.retry_interval is not None and own.retry_interval > interval:
        text = Text("has no effect: checks are due every {interval:g} s anyway, which is shorter", interval=interval)
        yield Remark(f"{where}.retry_interval", text, Text("choose less than the interval, or remove it"))
    if own.quorum is not None and (most := _most_hosts(own.observer)) is not None and own.quorum > most:
        why = Text("observer = {observer} matches {most} hosts at most", observer=own.observer, most=most)
        yield _never(f"{where}.quorum", str(own.quorum), why, Text("lower it, or let more hosts check it"))
    if component.plan.budget is not None and component.plan.budget > config.recovery.host_budget:
        yield _over_host_budget(f"{where}.recovery.budget", component.plan.budget, config)
    yield from _of_kind(component, interval, timeout)


def _of_kind(component: Component, interval: float, timeout: float) -> Iterator[Remark]:
    """What its kind finds by the optional `unreachable_problems(settings, timeout)`, and by `interval_problems` where
    the interval is the strategy's: with an interval of its own these were mistakes."""
    if component.broken:
        return
    module, where = plugins.load("monitors", component.kind), f"components.{component.id}"
    if find := getattr(module, "unreachable_problems", None):
        for key, text, advice in find(component.settings, timeout):
            yield Remark(f"{where}.{key}", text, advice)
    if find := getattr(module, "interval_problems", None):
        for key, text in find(component.settings, interval):
            yield Remark(f"{where}.{key}", text, Text("give the component a shorter interval of its own"))


def _channel(channel: Channel) -> Iterator[Remark]:
    common, where = channel.common, f"channels.{channel.id}"
    if common.quiet_hours is not None and severity_rank(common.quiet_severity) < severity_rank(common.min_severity):
        text = Text(
            "have no effect: what waits in them is {quiet_severity} at most, and min_severity keeps that away",
            quiet_severity=common.quiet_severity,
        )
        yield Remark(
            f"{where}.quiet_hours",
            text,
            Text("set quiet_severity to {min_severity} or higher", min_severity=common.min_severity),
        )


def _never(key: str, value: str, why: str, advice: str = _SHORTER) -> Remark:
    return Remark(key, Text("{value} is never reached: {why}", value=value, why=why), advice)


def _over_host_budget(key: str, budget: int, config: Config) -> Remark:
    most = config.recovery.host_budget
    return _never(
        key, str(budget), Text("host_budget of [recovery] is {most}", most=most), Text("lower it, or raise host_budget")
    )


def _most_hosts(glob: str) -> int | None:
    """How many host names a glob matches at most; None where there is no limit."""
    most = 1
    for inside in _BRACKET.findall(glob):
        spans = re.sub(r"(.)-(.)", lambda span: "".join(map(chr, range(ord(span[1]), ord(span[2]) + 1))), inside)
        most *= len(set(spans))
    return None if re.search(r"[*?[]", _BRACKET.sub("", glob)) else most
