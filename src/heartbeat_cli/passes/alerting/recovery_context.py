"""What recovery decides upon, read once for all components: states, incidents, checks, silences and what was tried.

`recover` acts on these decisions, `detect` puts them into the alert: both say the same.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property

from heartbeat_cli import plugins
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.category import PROCESS, Failure
from heartbeat_cli.domain.checking.result import FAILURES
from heartbeat_cli.domain.component import Component, Step, ancestors, healed_by, watched_by
from heartbeat_cli.domain.detection.attribution import parent_of, policy_of
from heartbeat_cli.domain.detection.fault_detection import State, failing_enough
from heartbeat_cli.domain.detection.hosts import Gone
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.recovery.brakes import Brakes
from heartbeat_cli.domain.recovery.decision import Approval, Circumstances, Decision, Limits, Past
from heartbeat_cli.domain.recovery.labels import label
from heartbeat_cli.domain.recovery.ladder import decide, taken
from heartbeat_cli.domain.text import Text, listed
from heartbeat_cli.passes.alerting.killed_steps import is_killed
from heartbeat_cli.store.history import last_checks
from heartbeat_cli.store.history.last_checks import LastCheck
from heartbeat_cli.store.quorum import healers, peers
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import recoveries, silences, states, steps_seen
from heartbeat_cli.system import procfs
from heartbeat_cli.views import wording

_LEARNED = 1.5  # times the longest start that was seen
_MOST_LEARNED = 900.0  # seconds
_KILLED = 2.0  # seconds that a component whose starts were never seen gets after a step whose process was killed
_TODAY = 20 * 3_600.0  # seconds back that a time of day says enough


class RecoveryContext:
    """The store's view at `now`. What is asked for is read once; `attempts` may be brought up to date, and `planned`
    counts the steps that are about to be taken, so that they share the host's budget; `passed_over` are the optional
    steps that there is nothing to take on, by component; `acts`: recovery follows in the same pass."""

    def __init__(self, db: Database, config: Config, now: float, acts: bool = True) -> None:
        self.db, self.config, self.now, self.acts = db, config, now, acts
        self.horizon = now - config.recovery.budget_window - config.recovery.rearm
        self.planned = 0
        self.passed_over: dict[str, set[int]] = {}
        self.attempts = {one.id: one for one in recoveries.recent(db, self.horizon)}

    @cached_property
    def incidents(self) -> dict[str, Incident]:
        return states.open_incidents(self.db)

    @cached_property
    def _states(self) -> dict[str, State]:
        return states.needed(self.db, self.config.observer)

    @cached_property
    def _last_checks(self) -> dict[str, LastCheck]:
        return last_checks.read(self.db, self.config.observer)

    @cached_property
    def in_force(self) -> list[silences.Silence]:
        return silences.in_force(self.db, self.config, self.now)

    @cached_property
    def _starts(self) -> dict[str, list[float]]:
        return recoveries.start_times(self.db, self.incidents)

    @cached_property
    def _back(self) -> dict[str, float]:
        lately = self.now - _MOST_LEARNED
        return {id_: spans[0][1] for id_, spans in self._over.items() if spans[0][1] >= lately}

    @cached_property
    def uptime(self) -> float | None:
        return procfs.uptime()

    def decide(self, component: Component, approval: Approval, circumstances: Circumstances | None = None) -> Decision:
        """The next step for a component."""
        circumstances = circumstances or self._circumstances(component)
        plan = component.plan.without(self.passed_over.get(component.id, ()))
        found = decide(plan, self.limits(component), self._past(component), circumstances, self.now, approval)
        return found._replace(name="orphaned") if found.name == "apart" and self._orphaned(component) else found

    def limits(self, component: Component) -> Limits:
        """Times and brakes of a component: its own, else the section's; its grace learns from past starts and kind."""
        general, own = self.config.recovery, component.plan
        brakes = Brakes(
            general.backoff if own.backoff is None else own.backoff,
            own.budget or general.budget,
            general.budget_window,
            general.host_budget,
            general.rearm,
        )
        needed = plugins.grace(component.kind, component.settings)
        usual = max(general.startup_grace, self._learned(component), needed)
        grace = usual if own.startup_grace is None else own.startup_grace
        return Limits(grace, general.timeout, brakes)

    def _learned(self, component: Component) -> float:
        return min(_LEARNED * max(self._starts.get(component.id, ()), default=0.0), _MOST_LEARNED)

    def was_seen_starting(self, component: Component) -> bool:
        """Whether it is known how long it takes to come up."""
        return bool(self._starts.get(component.id))

    def until_left_alone(self, component: Component, attempt: Attempt) -> float:
        """Until when (epoch seconds) a component may still come up by a step that nothing is left of: its process was
        killed, perhaps together with what it had started, perhaps after that."""
        soon = max(self.now, attempt.started + max(_KILLED, self._learned(component)))
        return min(attempt.verify_until or self.now, soon)

    def tried(self, component: Component) -> list[Attempt]:
        """What was done, or held back, for its open incident, oldest first."""
        incident = self.incidents.get(component.id)
        return [one for one in self.attempts.values() if incident is not None and one.incident == incident.id]

    def objection(self, component: Component) -> str:
        """What an action last said against a step for its open incident."""
        said = [one.detail for one in self.tried(component) if one.outcome == "held" and one.reason == "objection"]
        return said[-1] if said else ""

    def last_check(self, component: Component) -> LastCheck | None:
        """This host's last check of it."""
        return self._last_checks.get(component.id)

    def newest(self, component: Component) -> str | None:
        """The last attempt in which something was done about it."""
        done = [one.id for one in self._own(component) if one.outcome != "held"]
        return done[-1] if done else None

    def _own(self, component: Component) -> list[Attempt]:
        return [one for one in self.attempts.values() if one.component == component.id]

    def _past(self, component: Component) -> Past:
        here = self.config.observer
        host = [one.started for one in taken([a for a in self.attempts.values() if a.observer == here])]
        own, incident = self._own(component), self.incidents.get(component.id)
        earlier = any(incident is None or one.incident != incident.id for one in own)
        steady = self._steady(component) if earlier else 0.0
        killed = {one.id for one in self.tried(component) if one.observer == here and is_killed(one)}
        return Past(self.tried(component), own, host + [self.now] * self.planned, here, self._seen, steady, killed)

    def _steady(self, component: Component) -> float:
        """When the trouble of a component began: its open incident, with those before it that were not `steady_after`
        seconds apart. 0 where the window of the brakes holds no such quiet."""
        incident = self.incidents.get(component.id)
        begun = incident.started if incident else self.now
        for started, ended in self._over.get(component.id, ()):
            if begun - ended >= self.config.recovery.steady_after:
                return begun
            begun = min(begun, started)
        return 0.0

    @cached_property
    def _over(self) -> Mapping[str, list[tuple[float, float]]]:
        return states.over_since(self.db, self.now - max(self.config.recovery.budget_window, _MOST_LEARNED))

    @cached_property
    def foreign(self) -> list[str]:
        """The steps of other hosts that this one has to time by itself: about what it watches, too."""
        own = own_ids(self.config, (id_ for id_ in self.incidents if id_ in self.config.components))
        ids = {self.incidents[id_].id for id_ in own}
        return steps_seen.of_other_hosts(self.attempts.values(), ids, self.config.observer)

    @cached_property
    def _seen(self) -> Mapping[str, float]:
        """Read only where another host took a step."""
        return steps_seen.read(self.db, self.config.observer) if self.foreign else {}

    def present_error(self, component: Component) -> str:
        """What its last check said, if it failed."""
        last = self._last_checks.get(component.id)
        return last.error or "" if last is not None and last.status in FAILURES else ""

    def is_silent(self, component: Component) -> bool:
        """Whether its last check had no answer at all: a response time says that a part of it was answered."""
        last = self._last_checks.get(component.id)
        return last is not None and last.status == "error" and last.response_time is None

    def failure(self, component: Component) -> Failure:
        """What kind of failure its last check shows; of one that has not failed, another host's word counts alone."""
        last = self._last_checks.get(component.id)
        return (last.failure if last and last.status in FAILURES else None) or PROCESS

    def _circumstances(self, component: Component) -> Circumstances:
        state, incident = self._states.get(component.id), self.incidents.get(component.id)
        parent = parent_of(component, self._states, self.config.components)
        last = self._last_checks.get(component.id)
        return Circumstances(
            state.state if state else "healthy",
            last.status if last else "unknown",
            (incident.held_by if incident else None) or (parent.id if parent and parent.in_fault else None),
            self.parent_back(component),
            self.maintenance(component),
            state is not None and not failing_enough(policy_of(component), state),
            self.uptime,
            last.at if last else None,
            self.apart(component),
            self.failure(component),
            incident.comes_back(self.now, self.config.heartbeat.reopen_within) if incident else None,
        )

    def parent_back(self, component: Component) -> tuple[str, float] | None:
        """The parent that recovered last, and the seconds that are left to follow it."""
        grace = self.limits(component).grace
        back = [(self._back[id_], id_) for id_ in ancestors(component.id, self.config.components) if id_ in self._back]
        if not back:
            return None
        ended, parent = max(back)
        left = ended + grace - self.now
        return (parent, left) if 0 < left <= grace else None

    def apart(self, component: Component) -> str | None:
        """Why this host leaves it to another one, if it does. Who restarts what several hosts check over a network is
        settled in the store: while that is away only the one that alone may do it knows."""
        healer, here = component.common.healer, self.config.observer
        if watched_by(component, here) and not healed_by(component, here):
            return self._orphaned(component) or Text("{healer} restarts it, not this host", healer=healer)
        if healer == here or not plugins.uses_network(component.kind, component.settings):
            return None
        if component.id in self._shared:
            return Text("other hosts check it, too, and while the store is away none knows which of them restarts it")
        return None

    def _orphaned(self, component: Component) -> str:
        """Why nobody restarts it, where the hosts that may do so are silent: a person has to."""
        gone = self._gone.get(component.id)
        if gone is None:
            return ""
        by_hand = f"heartbeat recover --component {component.id} --force"
        if gone.since is not None:
            pattern = "%H:%M" if 0 <= self.now - gone.since < _TODAY else "%Y-%m-%d %H:%M"
            at = wording.local_time(gone.since, self.config.timezone, pattern)
            words = Text("nobody restarts it: its healer {healer} has made no pass since {at}; by hand: {command}")
            return words.with_values(healer=gone.healer, at=at, command=by_hand)
        return Text(
            "nobody restarts it: its healer {healer} has made no pass; by hand: {command}",
            healer=gone.healer,
            command=by_hand,
        )

    @cached_property
    def _gone(self) -> Mapping[str, Gone]:
        """Read only where something is another host's to restart, so that a pass in which all is well pays nothing."""
        here = self.config.observer
        apart = [one for one in self.config.components.values() if watched_by(one, here) and not healed_by(one, here)]
        return healers.missing(self.db, apart, self.config.observer, self.now)

    @cached_property
    def _shared(self) -> Collection[str]:
        return peers.shared_while_apart(self.db, self.config.observer)

    def maintenance(self, component: Component) -> str | None:
        """Why it is worked on, if it is."""
        found = [one for one in self.in_force if one.kind == "maintenance" and one.covers(component, self.now)]
        return found[0].reason if found else None


class Due(Record):
    """A component that is due for a step: as decided, with its incident (None: by force), the last attempt `since` then
    that this was decided upon, the seconds it gets to come up, what was last said against a step, whether a person
    ordered it, and whether its last check had no answer at all."""

    component: Component
    incident: Incident | None
    decision: Decision
    newest: str | None
    since: float
    grace: float
    objection: str = ""
    forced: bool = False
    silent: bool = False

    @property
    def step(self) -> Step:
        return self.component.plan.ladder[self.decision.step]

    @property
    def reason(self) -> str:
        """Which step, and why it."""
        return Text(
            "step {n} of {total}: {what}",
            n=self.decision.step + 1,
            total=len(self.component.plan.ladder),
            what=self.decision.reason,
        )


def steps_in_words(component: Component) -> str:
    """A component's ladder on one line."""
    return listed(f"{n}. {label(step)}" for n, step in enumerate(component.plan.ladder, 1))


def own_ids(config: Config, ids: Iterable[str]) -> list[str]:
    """Of these, what this host watches."""
    return [id_ for id_ in ids if watched_by(config.components[id_], config.observer)]
