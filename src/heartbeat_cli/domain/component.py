"""A thing that is watched, as configured: its kind's own settings and what every kind has in common."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from heartbeat_cli.domain.category import Category, Failure
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import Seconds
from heartbeat_cli.domain.strategy import Strategy

if TYPE_CHECKING:
    from heartbeat_cli.domain.blocks import Block

Severity = Literal["low", "medium", "high", "severe"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # in rising order
_RANKS: Mapping[str, int] = {severity: rank for rank, severity in enumerate(SEVERITIES)}
Mode = Literal["off", "ask", "on"]
Then = Literal["restart", "give_up"]


ID = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"  # of a component that is written; those that are found have a slash, too
ID_SIGNS = "_.-"
ID_RULE = "an id has 1 to 64 letters, digits, dots, dashes or underscores, and starts with a letter or digit"


class Common(Record):
    """Keys that every kind of component takes.

    name: what people call it; default: the id
    group: its heading on the dashboard; default: its kind
    interval: seconds between two checks; default: the strategy's (15, 30 or 60)
    timeout: seconds one check may take; default: the strategy's (3, 5 or 10)
    fail_threshold: failed checks in a row that make a fault
    fail_window: if set, fail_threshold failures among this many checks make a fault, in a row or not
    recovery_threshold: successful checks in a row that end the fault
    hold_flapping: if it goes up and down (score above 30 % over the last 20 checks), its incident stays open until
        it is steady (below 25 %), so that people are notified twice and not at every change
    slow_after: seconds from which a successful check counts as degraded; default: never
    slow_factor: a successful check also counts as degraded if it took this many times the 95th percentile of the
        component's own last 50 answers; default: never
    slow_floor: seconds below which slow_factor calls nothing slow
    slow_threshold: degraded checks in a row after which people are notified; default: fail_threshold
    retry_interval: seconds between checks while it is suspect or recovering; default: the strategy's interval, if
        that is shorter than its own
    retries: how often a check that got no answer is retried inside its timeout
    confirm_every: seconds between the checks that confirm, within the same run, a failure that is certain: a connection
        refused by this host, a unit that failed or is inactive, a container that has ended; 0: they wait for the next
        runs; default: 2 with the strategy aggressive, else 0
    depends_on: ids of components it needs; while one of them is in fault, it is neither alerted on nor restarted
    severity: severity of its fault: low, medium, high or severe; default: the kind's
    channels: ids of the channels that are notified; default: all
    observer: name (or glob) of the hosts that check it
    quorum: if several hosts check it, how many of them must see it fail to make a fault; default: more than half of
        those that check it, and one if it is not reached over a network
    healer: name (or glob) of the hosts that may restart it, of those that check it
    """

    name: str | None = None
    group: str | None = None
    interval: Seconds | None = None
    timeout: Seconds | None = None
    fail_threshold: int = 3
    fail_window: int | None = None
    recovery_threshold: int = 2
    hold_flapping: bool = True
    slow_after: Seconds | None = None
    slow_factor: float | None = None
    slow_floor: Seconds = 0.2
    slow_threshold: int | None = None
    retry_interval: Seconds | None = None
    retries: int = 1
    confirm_every: Seconds | None = None
    depends_on: tuple[str, ...] = ()
    severity: Severity | None = None
    channels: tuple[str, ...] | None = None
    observer: str = "*"
    quorum: int | None = None
    healer: str = "*"


class Step(Record):
    """One step of a ladder: an action, its typed settings, how often it is taken while it fails (None: the usual
    number), and the categories of failure that it mends."""

    action: str
    settings: Any
    tries: int | None = None
    mends: tuple[Category, ...] = ("process",)


class Guard(Record):
    """What spares work in flight: `busy` says whether any is running, `drain` asks to finish it and to take no more
    (each an `http` or `command` step); `wait` is how many seconds work is waited for, `then` what comes after that."""

    busy: Step | None = None
    drain: Step | None = None
    wait: float = 300.0
    then: Then = "restart"


class Plan(Record):
    """A component's recovery: whether by itself (`on`), on a person's word (`ask`) or never (`off`), the ladder, the
    guard of its work in flight, and its own limits, each None where that of `[recovery]` holds: seconds it gets to come
    up after a step, steps that are taken by themselves within the window, seconds before the same step is taken again.
    """

    mode: Mode = "off"
    ladder: tuple[Step, ...] = ()
    guard: Guard | None = None
    startup_grace: float | None = None
    budget: int | None = None
    backoff: float | None = None

    def without(self, places: Collection[int]) -> "Plan":
        """The plan with some steps that mend nothing: they keep their places, by which attempts name them."""
        if not places:
            return self
        steps = (one._replace(mends=()) if place in places else one for place, one in enumerate(self.ladder))
        return self._replace(ladder=tuple(steps))

    def mending(self, found: Failure) -> list[int]:
        """The steps (places in the ladder) that can mend such a failure."""
        return [place for place, step in enumerate(self.ladder) if found.mended_by in step.mends]


class Component(Record):
    """`settings` is the kind's own frozen settings; `common` what every kind has. `broken` says why it cannot be
    checked: an `env:` or `file:` reference in its settings leads nowhere, so its checks are `unknown`. `stands_for` is
    the block that it stands for, while nothing of that is known."""

    id: str
    kind: str
    settings: Any
    common: Common = Common()
    plan: Plan = Plan()
    default_severity: Severity = "high"
    broken: str | None = None
    stands_for: "Block | None" = None

    @property
    def name(self) -> str:
        return self.common.name or self.id

    @property
    def severity(self) -> Severity:
        return self.common.severity or self.default_severity

    def interval(self, strategy: Strategy) -> float:
        return self.common.interval or strategy.interval

    def confirm_every(self, strategy: Strategy) -> float:
        """Seconds between the checks that confirm a certain failure within one run; 0 where the next runs do."""
        own = self.common.confirm_every
        return strategy.confirm_every if own is None else own

    def retry_interval(self, strategy: Strategy) -> float:
        """Seconds between checks while it is not known whether it is well."""
        return min(self.common.retry_interval or strategy.interval, self.interval(strategy))

    def timeout(self, strategy: Strategy) -> float:
        return self.common.timeout or strategy.timeout


def severity_rank(severity: str) -> int:
    """A severity as a number, the graver the higher; -1 for a word that is none (rows of a store may be edited)."""
    return _RANKS.get(severity, -1)


def target_of(component: Component) -> str:
    """What the component is called where it runs: its container or unit, else its id."""
    for key in ("container", "unit"):
        if name := getattr(component.settings, key, None):
            return str(name)
    return component.id


def topological(components: Mapping[str, Component]) -> list[str]:
    """Ids, parents before children, otherwise in the given order. Raises ValueError naming a cycle; a parent that is
    not among the components is passed over."""
    order: list[str] = []
    done: set[str] = set()
    for start in components:
        path = {} if start in done else {start: iter(components[start].common.depends_on)}
        while path:
            node, parents = next(reversed(path.items()))
            parent = next((one for one in parents if one in components and one not in done), None)
            if parent is None:
                del path[node]
                done.add(node)
                order.append(node)
            elif parent in path:
                names = list(path)
                raise ValueError(" → ".join([*names[names.index(parent) :], parent]))
            else:
                path[parent] = iter(components[parent].common.depends_on)
    return order


def children(components: Mapping[str, Component]) -> dict[str, list[str]]:
    """What directly depends on each component that something depends on."""
    found: dict[str, list[str]] = {}
    for one in components.values():
        for parent in one.common.depends_on:
            found.setdefault(parent, []).append(one.id)
    return found


def descendants(component: str, below: Mapping[str, list[str]]) -> list[str]:
    """Everything that depends on `component`, nearest first, each once; `below` is what `children` gives."""
    found: dict[str, None] = {}
    queue = deque(below.get(component, ()))
    while queue:
        child = queue.popleft()
        if child not in found:
            found[child] = None
            queue.extend(below.get(child, ()))
    return list(found)


def ancestors(component: str, components: Mapping[str, Component]) -> list[str]:
    """Everything `component` depends on, nearest first, each once."""
    found: dict[str, None] = {}
    queue = deque(components[component].common.depends_on)
    while queue:
        parent = queue.popleft()
        if parent not in found and parent in components:
            found[parent] = None
            queue.extend(components[parent].common.depends_on)
    return list(found)


def watched_by(component: Component, host: str) -> bool:
    """Whether that host is one of those that watch it."""
    return goes_to(component.common.observer, host)


def healed_by(component: Component, host: str) -> bool:
    """Whether that host may restart it by itself."""
    return goes_to(component.common.healer, host) and watched_by(component, host)


def goes_to(pattern: str, host: str) -> bool:
    """Whether a name or glob is meant for this host."""
    if pattern in ("*", host):  # nearly always: no import then
        return True
    from fnmatch import fnmatchcase

    return fnmatchcase(host, pattern)


def goes_by(component: Component, name: str) -> bool:
    """Whether a name that people give (an id, kind or glob) is meant for this component. What stands for a block of
    which nothing is known is meant by all of that: `<block>/*`."""
    from fnmatch import fnmatchcase

    if component.stands_for is not None and component.stands_for.is_all_of(name):
        return True
    return name in (component.id, component.kind) or fnmatchcase(component.id, name)


def may_go_by(component: Component, name: str) -> bool:
    """Whether a name may be meant for this component, where leaving it out would hide it: what stands for a block goes
    by the name of anything that may be of that block, too."""
    return goes_by(component, name) or (component.stands_for is not None and component.stands_for.may_have(name))


def matching(
    names: Iterable[str],
    components: Mapping[str, Component],
    exact: bool = False,
    meant: Callable[[Component, str], bool] = goes_by,
) -> tuple[list[str], list[str]]:
    """The ids that ids, kinds or globs (`exact`: only ids) select, in config order, and the names that selected
    nothing."""
    chosen: set[str] = set()
    missed = []
    for name in names:
        hits = {c.id for c in components.values() if c.id == name or (not exact and meant(c, name))}
        chosen |= hits
        if not hits:
            missed.append(name)
    return [id_ for id_ in components if id_ in chosen], missed
