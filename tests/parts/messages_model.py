"""What an uninterrupted life would have told whom, and what really arrived: the two compared.

The model goes by the pure state machine over the readings that were given, and by the words of the configuration; the
arrivals are what the servers took, with what they answered. A message is known by marks in its text: type, the cause
(each failing check has one of its own, so it names the incident), and the reason.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any, NamedTuple

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import topological
from heartbeat_cli.domain.detection.attribution import advance
from heartbeat_cli.domain.detection.fault_detection import Observation, State
from heartbeat_cli.domain.incident import incident_id
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state.silences import Silence

TEMPLATES = {
    "alert.button.en.j2": "<b>{{ title }}</b>\n[[{{ type }}~~]]",
    "alert.en.j2": "<b>{{ title }}</b>\n[[{{ type }}~{{ cause }}~{{ reason }}]]\n<i>{{ remark }}</i>",
    "alert.over.en.j2": "<b>{{ title }}</b>\n[[{{ type }}~{{ cause }}~{{ reason }}]]\n<i>{{ remark }}</i>",
    "alert.digest.en.j2": "<b>{{ title }}</b>\n{% for one in begun + ended %}[[{{ one.type }}~{{ one.cause }}~"
    "{{ one.reason }}]]\n{% endfor %}<i>{{ remark }}</i>",
}
_MARK = re.compile(r"\[\[([^~\]]*)~([^~\]]*)~([^~\]]*)\]\]")
_RANK = ("low", "medium", "high", "severe")


class Mark(NamedTuple):
    """One alert in one message."""

    type: str
    cause: str
    reason: str


class Arrival(NamedTuple):
    """A message that a channel's other side took, at `at` on the scene's clock, in the pass `number`; `lost` is why
    its answer did not arrive, empty where it did; `id` is how the other side can know it again, if at all."""

    channel: str
    id: str
    marks: tuple[Mark, ...]
    at: float
    number: int
    lost: str


def marks_in(text: str) -> tuple[Mark, ...]:
    return tuple(Mark(*found) for found in _MARK.findall(re.sub(r"\s+", " ", text)))


class Fault(NamedTuple):
    """An incident as the model has it: `told` is when people were to be told of it first, `ended` when it was over."""

    id: str
    component: str
    own: bool
    told: float | None = None
    ended: float | None = None


class Model:
    """Lives through the same passes."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.states: dict[str, State] = {}
        self.faults: dict[str, Fault] = {}
        self.incidents: dict[str, str] = {}  # by cause
        self._open: dict[str, str] = {}

    def step(self, at: float, errors: Mapping[str, str | None], quiet: Iterable[Silence]) -> None:
        """A pass: each component's error, or None where it is well; and who was not to be told of it."""
        silences = list(quiet)

        def muted(id_: str) -> bool:
            return any(fnmatchcase(id_, one.target) and one.starts <= at < one.ends for one in silences)

        for id_ in topological(self.config.components):
            component, error = self.config.components[id_], errors[id_]
            seen = Observation(at, "error" if error else "healthy", error)
            self.states[id_], events = advance(component, seen, self.states, self.config.components)
            for event in events:
                self._take(id_, event, muted(id_))
        for id_, incident in self._open.items():
            fault = self.faults[incident]
            if fault.own and fault.told is None and self.states[id_].state == "fault" and not muted(id_):
                self.faults[incident] = fault._replace(told=at)

    def _take(self, id_: str, event: Any, muted: bool) -> None:
        if event.name in ("opened", "held"):
            name = self._open[id_] = incident_id(id_, event.started)
            self.faults[name] = Fault(name, id_, event.name == "opened")
            self.incidents[event.cause] = name
        elif event.name == "released":
            self.incidents[event.cause] = self._open[id_]
            self.faults[self._open[id_]] = self.faults[self._open[id_]]._replace(own=True)
        elif event.name == "ended":
            name = self._open.pop(id_)
            self.faults[name] = self.faults[name]._replace(ended=event.at)
            return
        fault = self.faults[self._open[id_]]
        if fault.own and not muted:
            self.faults[fault.id] = fault._replace(told=event.at)

    def listeners(self, id_: str, later: bool = False) -> list[str]:
        """The channels that hear of a component at once, or, with `later`, when nobody has seen to it."""
        component = self.config.components[id_]
        named = component.common.channels
        return [
            name
            for name, channel in self.config.channels.items()
            if (named is None or name in named)
            and _RANK.index(component.severity) >= _RANK.index(channel.common.min_severity)
            and (channel.common.components is None or id_ in channel.common.components)
            and (channel.common.escalate_after is not None) == later
        ]

    def chain(self, channel: str) -> list[str]:
        """A channel and those that stand in for it."""
        found = [channel]
        while (fallback := self.config.channels[found[-1]].common.fallback) is not None:
            found.append(fallback)
        return found


class Ending(NamedTuple):
    """What was found: what must not be, one line each, and what is counted."""

    wrong: tuple[str, ...]
    faults: int
    messages: Mapping[str, int]
    duplicates: Mapping[str, int]
    sends: int
    retries: int
    handed_over: int


class Judge:
    """Compares a model with arrivals and with what the store says."""

    def __init__(self, model: Model, arrivals: list[Arrival], db: Database) -> None:
        self.model, self.arrivals, self.db = model, arrivals, db
        self.wrong: list[str] = []
        self.duplicates: Counter[str] = Counter()
        self.places: dict[tuple[str, str, str], list[int]] = defaultdict(list)  # channel, incident, type
        rows = db.rows("SELECT alert_id, alert_type, incident, reason FROM heartbeat_alert_rows")
        self._kinds = [(kind, alert, reason) for alert, kind, _, reason in rows]
        self.alerts = {(kind, incident, reason): alert for alert, kind, incident, reason in rows}
        stands = db.rows("SELECT alert_id, channel, state FROM heartbeat_outbox")
        self.outbox: dict[tuple[str, str], str] = {
            (alert, channel): state for alert, channel, state in stands if not alert.startswith("button/")
        }
        self.answers = Counter(state for alert, _, state in stands if alert.startswith("button/"))

    def judge_presses(self, counted: int, confirmed: Sequence[str], presses: int) -> None:
        """Each press that counts was carried out once, and its answer arrived: again only where the first one's answer
        was lost (`confirmed` has why, "" where it was not)."""
        alerts = sum(kind == "button" for kind, _, _ in self._kinds)
        if alerts != counted:
            self.wrong.append(f"{counted} of {presses} presses count, and {alerts} were carried out")
        if set(self.answers) - {"sent", "handed_over"}:
            self.wrong.append(f"answers to presses: {dict(self.answers)}")
        if len(confirmed) < alerts or sum(not lost for lost in confirmed) > alerts:
            self.wrong.append(f"{alerts} answers to presses, and {list(confirmed)} arrived")

    def judge(self) -> Ending:
        for number, arrival in enumerate(self.arrivals):
            if not arrival.marks:
                self.wrong.append(f"{arrival.channel}: a message that tells nothing: {arrival.id}")
            for mark in arrival.marks:
                self._place(number, arrival, mark)
        for fault in self.model.faults.values():
            if fault.told is not None:
                self._arrived(fault)
        self._copies()
        self._store()
        found = self.db.rows(
            "SELECT channel, batch, at, outcome FROM heartbeat_sends GROUP BY channel, batch, at, outcome"
        )
        outcomes = Counter(row[3] for row in found)
        told = sum(one.told is not None for one in self.model.faults.values())
        messages = Counter(one.channel for one in self.arrivals)
        counts = outcomes.total(), outcomes["retry"], outcomes["handed_over"]
        return Ending(tuple(dict.fromkeys(self.wrong)), told, messages, self.duplicates, *counts)

    def alert_of(self, mark: Mark) -> str | None:
        return self.alerts.get((mark.type, self.model.incidents.get(mark.cause, ""), mark.reason))

    def _place(self, number: int, arrival: Arrival, mark: Mark) -> None:
        """Whether somebody was to hear of this at all."""
        if (incident := self.model.incidents.get(mark.cause)) is None or self.alert_of(mark) is None:
            self.wrong.append(f"{arrival.channel}: nobody knows of {mark}")
            return
        fault = self.model.faults[incident]
        if fault.told is None or (mark.type == "recovered" and fault.ended is None):
            self.wrong.append(f"{arrival.channel}: told {mark}, which nobody was to hear")
        known = [one for later in (False, True) for one in self.model.listeners(fault.component, later)]
        if not any(arrival.channel in self.model.chain(one) for one in known):
            self.wrong.append(f"{arrival.channel}: told {mark}, which it does not take")
        self.places[arrival.channel, incident, "recovered" if mark.type == "recovered" else "began"].append(number)

    def _arrived(self, fault: Fault) -> None:
        for channel in self.model.listeners(fault.component):
            chain = self.model.chain(channel)
            if not any(self.places[one, fault.id, "began"] for one in chain):
                self.wrong.append(f"{channel}: DOWN of {fault.id} is lost")
            if fault.ended is not None and not any(self.places[one, fault.id, "recovered"] for one in chain):
                self.wrong.append(f"{channel}: RESOLVED of {fault.id} is lost")
        for channel in self.model.config.channels:
            began, over = self.places[channel, fault.id, "began"], self.places[channel, fault.id, "recovered"]
            given = any(
                self.outbox.get((f"{fault.id}/recovered", one)) == "handed_over"
                for one in self.model.config.channels
                if channel in self.model.chain(one)[1:]
            )
            if over and not began and not given:
                self.wrong.append(f"{channel}: RESOLVED of {fault.id} without its DOWN")
            alone = [number for number in over if number not in began]  # one message may tell both
            if alone and began and max(began) > min(alone):
                self.wrong.append(f"{channel}: {fault.id} is out of order")
            if fault.ended is not None and began and not over and not self._elsewhere(fault, channel):
                self.wrong.append(f"{channel}: heard of {fault.id} and not of its end")

    def _elsewhere(self, fault: Fault, channel: str) -> bool:
        """Whether what a channel was to tell of this went to its fallback, the end at the latest."""
        return any(
            state == "handed_over" and where == channel and alert.startswith(fault.id + "/")
            for (alert, where), state in self.outbox.items()
        ) and any(self.places[one, fault.id, "recovered"] for one in self.model.chain(channel)[1:])

    def _copies(self) -> None:
        """A message comes again only after an answer was lost, and then it is the very same."""
        seen: dict[tuple[str, Mark], list[Arrival]] = defaultdict(list)
        for arrival in self.arrivals:
            for mark in arrival.marks:
                seen[arrival.channel, mark].append(arrival)
        counted = set()
        for (channel, mark), many in seen.items():
            for before, again in pairwise(many):
                if not before.lost:
                    self.wrong.append(
                        f"{channel}: {mark} again though it was answered ({before.number}, {again.number})"
                    )
                if set(before.marks) != set(again.marks) or before.id != again.id:
                    self.wrong.append(f"{channel}: {mark} again, and not as the same message")
                if (again.channel, again.number, again.marks) not in counted:
                    counted.add((again.channel, again.number, again.marks))
                    self.duplicates[before.lost] += 1

    def _store(self) -> None:
        """Nothing waits, nothing failed, and what the store calls sent has arrived."""
        arrived = {(self.alert_of(mark), one.channel) for one in self.arrivals for mark in one.marks}
        for (alert, channel), state in self.outbox.items():
            if state in ("waiting", "failed"):
                self.wrong.append(f"{channel}: {alert} is {state}")
            if state == "sent" and (alert, channel) not in arrived:
                self.wrong.append(f"{channel}: {alert} is called sent and never arrived")
        tried = set(self.db.rows("SELECT alert_id, channel, outcome FROM heartbeat_sends"))
        for (alert, channel), state in self.outbox.items():
            if state == "sent" and (alert, channel, "sent") not in tried:
                self.wrong.append(f"{channel}: {alert} is sent, but no try says so")
