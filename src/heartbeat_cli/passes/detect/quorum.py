"""Components that several hosts check: what they say together is what detection goes by, a round at a time.

Used by detection, in its transaction and under its lock, so no two hosts count the same votes at once. While the store
is away nobody hears of the others: then they count as having no opinion, and so they do afterwards until each has had
the time to bring what it saw.
A check that the round contradicts speaks for its component no longer, so availability follows the quorum, too.
Where too few check it to make a fault, and some see one, people are notified once: it is neither restarted nor counted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.coverage import LONGEST
from heartbeat_cli.domain.checking.result import FAILURES
from heartbeat_cli.domain.component import Component, target_of
from heartbeat_cli.domain.detection.fault_detection import Observation, State
from heartbeat_cli.domain.detection.quorum import Round, Vote, agrees, around, count, leads, observation, shown
from heartbeat_cli.domain.incident import incident_id
from heartbeat_cli.passes.alerting.enqueue import enqueue_alert, enqueue_to
from heartbeat_cli.store.history.passes import UndetectedPass
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.quorum import peers
from heartbeat_cli.store.quorum.peers import PeerState, UnconfirmedFault
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state.silences import Silence
from heartbeat_cli.views import wording


class Judged(NamedTuple):
    """What detection is to take of a check (None: it is not this host's turn, or the check is history), and whether the
    others overrule it."""

    seen: Observation | None
    overruled: bool = False


class UnconfirmedChange(NamedTuple):
    """A doubt that people are to hear of, or that is over."""

    component: Component
    doubt: UnconfirmedFault
    round: Round
    over: bool


class QuorumEvaluator:
    """The votes as they stand; `rounds` are those counted last, by component."""

    def __init__(self, db: Database, config: Config, waiting: Sequence[UndetectedPass], now: float) -> None:
        self._db, self._config, self._me = db, config, config.observer
        self._apart = peers.is_spool(db)
        self._known = peers.read(db, self._me)
        self._by, self._unconfirmed = dict(self._known.hosts), dict(self._known.unconfirmed)
        self._away = waiting[-1].started if self._apart else self._known.checked_apart
        if self._away > now:  # the clock was set back since: it would be deaf until that time has come again
            self._away = 0.0
        found = peers.Votes() if self._apart else peers.votes(db, self._me, now - LONGEST)
        self._now, self._votes = now, found.others
        # Of several passes that waited, the first one's last check before it is not known any more.
        self._before = {id_: at for id_, at in found.before.items() if at < waiting[0].started}
        self._ended: dict[str, float] = {}
        self.rounds: dict[str, Round] = {}
        self._changes: dict[str, UnconfirmedChange] = {}

    def judged(self, component: Component, seen: Observation) -> Judged:
        """Count this check with the others'."""
        isolated = self._apart or seen.at <= self._away
        others, before = self._others(component, seen.at), self._before.get(component.id, 0.0)
        self._before[component.id] = seen.at
        if others is None:
            return Judged(None, overruled=not isolated and seen.status != "unknown")
        quorum = peers.quorum_of(component)
        own = Vote(self._me, seen.at, seen.status, seen.error)
        round_ = count(quorum, [own, *others])
        own_turn = isolated or leads(before, others)
        if self._apart or not isolated:  # else it was weighed then
            self._track_unconfirmed(component, seen, round_, own_turn)
        if not others and (quorum or 1) == 1:
            self.rounds.pop(component.id, None)
            return Judged(seen)
        if own_turn and not isolated:
            self._ended[component.id] = seen.at
        self.rounds[component.id] = round_
        overruled = not isolated and seen.status != "unknown" and not agrees(seen.status, round_.sense)
        return Judged(observation(own, round_) if own_turn else None, overruled)

    def _others(self, component: Component, at: float) -> list[Vote] | None:
        """The others' votes around that moment; None when they are past it."""
        known, far = self._by.get(component.id, ()), peers.reaches(component)
        if self._apart:
            return [Vote(name, at, "unknown") for name in known]
        # A check of a time that has not come for us is of a clock that is wrong: it must not keep all others waiting.
        votes = around((one for one in self._votes.get(component.id, ()) if one.at < self._now + far), at, far)
        if votes is None:
            return None
        if at < self._away + far:
            notified = [one for one in votes if at > self._away and one.at > self._away]
            there = {one.observer: one._replace(status="unknown") for one in votes} | {v.observer: v for v in notified}
            votes = [there.get(name) or Vote(name, at, "unknown") for name in sorted({*known, *there})]
        if votes:
            self._by[component.id] = sorted(one.observer for one in votes)
        else:
            self._by.pop(component.id, None)
        return votes

    def _track_unconfirmed(self, component: Component, seen: Observation, round_: Round, own_turn: bool) -> None:
        """Begin, go on with, or end a doubt."""
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
        """Remember what the next pass, of this host or another, has to know."""
        shared = PeerState(self._by, self._unconfirmed, self._away)
        if shared != self._known:
            peers.save(self._db, self._me, shared, apart=self._apart)
        if self._ended:
            peers.end_rounds(self._db, self._me, self._ended)

    @property
    def connected(self) -> bool:
        """Whether the others can be heard of just now."""
        return not self._apart

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
            reason=f"{round_.good} of {len(round_.votes)} hosts see it well" if over else round_.words,
            details=details,
        )
