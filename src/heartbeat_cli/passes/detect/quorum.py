"""Components that several hosts check: what they say together is what detection goes by, a round at a time.

Used by detection, in its transaction and under its lock, so no two hosts count the same votes at once. While the store
is away no host knows what the others see: they count as having no opinion, and so they do afterwards until each has had
the time to bring what it saw.
A check that the round contradicts speaks for its component no longer, so availability follows the quorum, too.
Where too few check it to make a fault, and some see one, people are notified once: it is neither restarted nor counted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.coverage import LONGEST
from heartbeat_cli.domain.checking.result import FAILURES
from heartbeat_cli.domain.component import Component, target_of
from heartbeat_cli.domain.detection.fault_detection import Observation, State
from heartbeat_cli.domain.detection.quorum import Round, Vote, agrees, around, count, leads, observation, shown
from heartbeat_cli.domain.incident import incident_id
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.enqueue import enqueue_alert, enqueue_to
from heartbeat_cli.store.history.passes import UndetectedPass
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.quorum import peers
from heartbeat_cli.store.quorum.peers import PeerState, UnconfirmedFault
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state.silences import Silence
from heartbeat_cli.views import wording


class Judged(Record):
    """What detection is to take of a check (None: it is not this host's turn, or the check is history), and whether the
    others overrule it."""

    seen: Observation | None
    overruled: bool = False


class UnconfirmedChange(Record):
    """Something unconfirmed that people are to be notified of, or that is over."""

    component: Component
    doubt: UnconfirmedFault
    round: Round
    over: bool


class QuorumEvaluator:
    """Counts the votes about what several hosts check, for the waiting passes of this host.

    Call `judged` for each check in the order they were made, then `enqueue_alerts` and `save`. `rounds` has the round
    counted last, by component."""

    def __init__(self, db: Database, config: Config, waiting: Sequence[UndetectedPass], now: float) -> None:
        self._db, self._config, self._me, self._now = db, config, config.observer, now
        self._in_spool = peers.is_spool(db)  # a spool stands in for the store, and no other host writes to it
        self._known = peers.read(db, self._me)  # as it was saved last
        self._hosts, self._unconfirmed = dict(self._known.hosts), dict(self._known.unconfirmed)
        self._away = (
            waiting[-1].started if self._in_spool else self._known.checked_apart
        )  # the last check without the store
        if self._away > now:  # the clock was set back since: until that time comes again the others would not count
            self._away = 0.0
        found = peers.Votes() if self._in_spool else peers.votes(db, self._me, now - LONGEST)
        self._votes = found.others
        # Of several passes that waited, the first one's last check before it is not known any more.
        self._before = {id_: at for id_, at in found.before.items() if at < waiting[0].started}
        self._ended: dict[str, float] = {}  # the checks of this host that ended a round, by component
        self.rounds: dict[str, Round] = {}
        self._changes: dict[str, UnconfirmedChange] = {}

    def judged(self, component: Component, seen: Observation) -> Judged:
        """Count this check with the others' votes."""
        if self._is_ours_alone(component):
            self._before[component.id] = seen.at
            return Judged(seen)
        without_store = self._in_spool or seen.at <= self._away  # nobody else knew of it when it was made
        can_be_overruled = not without_store and seen.status != "unknown"
        others, before = self._others(component, seen.at), self._before.get(component.id, 0.0)
        self._before[component.id] = seen.at
        if others is None:
            return Judged(None, can_be_overruled)
        quorum, own = peers.quorum_of(component), Vote(self._me, seen.at, seen.status, seen.error, failure=seen.failure)
        round_ = count(quorum, [own, *others])
        own_turn = without_store or leads(before, others)
        if self._in_spool or not without_store:  # else that was done when the check was made
            self._track_unconfirmed(component, seen, round_, own_turn)
        if not others and (quorum or 1) == 1:  # this host is alone: its check is the round
            self.rounds.pop(component.id, None)
            return Judged(seen)
        self.rounds[component.id] = round_
        if own_turn and not without_store:
            self._ended[component.id] = seen.at
        overruled = can_be_overruled and not agrees(seen.status, round_.sense)
        return Judged(observation(own, round_) if own_turn else None, overruled)

    def _is_ours_alone(self, component: Component) -> bool:
        """Whether no other host's check, and no doubt of ours, can change what becomes of a check: of nearly all, in a
        moment in which other hosts wait for the lock."""
        id_ = component.id
        known = self._in_spool or id_ in self._votes or id_ in self._hosts or id_ in self._unconfirmed
        return not known and (component.common.quorum or 1) == 1

    def _others(self, component: Component, at: float) -> list[Vote] | None:
        """The others' votes around that moment; None when they are past it."""
        if self._in_spool:
            return [Vote(name, at, "unknown") for name in self._hosts.get(component.id, ())]
        far = peers.reaches(component)
        # A check of a time that has not come for us is of a clock that is wrong: it must not keep all others waiting.
        votes = around((one for one in self._votes.get(component.id, ()) if one.at < self._now + far), at, far)
        if votes is None:
            return None
        if at < self._away + far:
            votes = self._since_the_store_is_back(component, votes, at)
        if votes:
            self._hosts[component.id] = sorted(one.observer for one in votes)
        else:
            self._hosts.pop(component.id, None)
        return votes

    def _since_the_store_is_back(self, component: Component, votes: list[Vote], at: float) -> list[Vote]:
        """The votes, with those as `unknown` that are from before or of hosts without a check since then: each has
        the time to bring what it saw without the store."""
        there = {one.observer: one if min(at, one.at) > self._away else one._replace(status="unknown") for one in votes}
        names = sorted({*self._hosts.get(component.id, ()), *there})
        return [there.get(name) or Vote(name, at, "unknown") for name in names]

    def _track_unconfirmed(self, component: Component, seen: Observation, round_: Round, own_turn: bool) -> None:
        """Begin, count on, or end what is unconfirmed about a component."""
        doubt = self._unconfirmed.get(component.id)
        if round_.lonely and own_turn:
            doubt, enough = doubt or UnconfirmedFault(seen.at, 0), component.common.fail_threshold
            self._unconfirmed[component.id] = doubt = doubt._replace(rounds=min(doubt.rounds + 1, enough))
            if doubt.rounds >= enough and not doubt.notified:
                self._changes[component.id] = UnconfirmedChange(component, doubt, round_, over=False)
        elif doubt and round_.sense == "up":
            del self._unconfirmed[component.id]
            self._changes.pop(component.id, None)
            if doubt.notified:
                self._changes[component.id] = UnconfirmedChange(component, doubt, round_, over=True)

    def save(self) -> None:
        """Save what the next pass, of this host or another, has to know."""
        shared = PeerState(self._hosts, self._unconfirmed, self._away)
        # What this host found without the store is now known to all: that is saved even if nothing else changed.
        if self._known.found_apart or shared != self._known:
            peers.save(self._db, self._me, shared, apart=self._in_spool)
        if self._ended:
            peers.end_rounds(self._db, self._me, self._ended)

    @property
    def connected(self) -> bool:
        """Whether the store with the other hosts' checks answers."""
        return not self._in_spool

    def enqueue_alerts(
        self, states: Mapping[str, State], in_force: Callable[[], Iterable[Silence]], now: float
    ) -> list[tuple[str, str, str]]:
        """Notify of what is unconfirmed, and of its end those who were notified. What has become a fault is no longer
        unconfirmed; what a silence withholds is sent when that is over and it still fails.
        Returns what was decided: component, decision, reason."""
        faults = {id_ for id_, one in states.items() if one.state in ("fault", "recovering") and one.held_by is None}
        self._unconfirmed = {id_: doubt for id_, doubt in self._unconfirmed.items() if id_ not in faults}
        decided = []
        for one in self._changes.values():
            if one.component.id in faults:
                continue
            alert = self._alert(one, now)
            if one.over:
                self._enqueue_end(one, alert, now)
            elif any(silence.covers(one.component, now) for silence in in_force()):
                continue
            else:
                enqueue_alert(self._db, self._config, alert, one.component, (), now)
                self._unconfirmed[one.component.id] = one.doubt._replace(notified=(one.doubt.since,))
            decided.append((one.component.id, alert.type, alert.reason))
        return decided

    def _enqueue_end(self, change: UnconfirmedChange, alert: Alert, now: float) -> None:
        notified = {
            channel
            for since in change.doubt.notified
            for channel in alerts.notified_channels(self._db, incident_id(change.component.id, since))
        }
        enqueue_to(self._db, self._config, alert, sorted(notified), now, change.component.severity)

    def _alert(self, change: UnconfirmedChange, now: float) -> Alert:
        component, doubt, round_, over = change
        kind = "unconfirmed_ended" if over else "unconfirmed"
        about = incident_id(component.id, doubt.since)
        errors = {one.observer: one.error for one in round_.votes if one.status in FAILURES and one.error}
        cause = errors.get(self._me) or next(iter(errors.values()), "")
        details: dict[str, object] = {"kind": component.kind, "target": target_of(component), "observer": self._me}
        details |= {"cause": cause, "started": doubt.since, "votes": shown(round_.votes)}
        return Alert(
            id=f"{about}/{kind}",
            type=kind,
            severity="low" if over else component.severity,
            title=wording.title(kind, component, self._config.heartbeat.locale),
            component=component.id,
            at=now,
            incident=about,
            reason=Text("{good} of {votes} hosts see it well", good=round_.good, votes=len(round_.votes))
            if over
            else round_.words,
            details=details,
        )
