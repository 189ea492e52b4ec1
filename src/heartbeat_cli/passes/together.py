"""Components that several hosts look at: what they say together is what detection goes by, a round at a time.

Used by detection, in its transaction and under its lock, so no two hosts count the same votes at once. While the store
is away nobody hears of the others: then they count as having no opinion.
A look that the round does not bear out speaks for its component no longer, so availability follows the quorum, too.
Where too few look to make a fault, and this host sees one, people are told that once: it is neither healed nor counted.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from heartbeat_cli.config import Config
from heartbeat_cli.domain.alert import Alert
from heartbeat_cli.domain.component import Component, target_of
from heartbeat_cli.domain.coverage import LONGEST
from heartbeat_cli.domain.fault_detection import Observation, State
from heartbeat_cli.domain.incident import incident_id
from heartbeat_cli.domain.quorum import Round, Vote, agrees, around, count, leads, observation, shown
from heartbeat_cli.passes.tell import add, tell
from heartbeat_cli.store import alerts, company
from heartbeat_cli.store.company import Doubt, Shared
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.silences import Silence
from heartbeat_cli.views import wording


class Judged(NamedTuple):
    """What detection is to take of a look (None: it is not this host's turn, or the look is history), and whether the
    others overrule it."""

    seen: Observation | None
    overruled: bool = False


class News(NamedTuple):
    """A doubt that people are to hear of, or that is over."""

    component: Component
    doubt: Doubt
    round: Round
    over: bool


class Together:
    """The votes as they stand; `rounds` are those counted last, by component."""

    def __init__(self, db: Database, config: Config, now: float) -> None:
        self._db, self._config, self._me = db, config, config.observer
        self._apart = company.is_apart(db)
        self._known = company.known(db, self._me)
        self._by, self._doubts = dict(self._known.by), dict(self._known.doubts)
        self._votes = {} if self._apart else company.votes(db, self._me, now - LONGEST)
        self.rounds: dict[str, Round] = {}
        self.news: list[News] = []

    def judged(self, component: Component, seen: Observation) -> Judged:
        """Count this look with the others'."""
        others = self._others(component, seen.at)
        if others is None:
            return Judged(None, overruled=seen.status != "unknown")
        quorum = company.quorum_of(component)
        own = Vote(self._me, seen.at, seen.status, seen.error)
        round_ = count(quorum, [own, *others])
        mine = self._apart or leads(self._me, others)
        self._weigh(component, seen, round_, mine)
        if not others and (quorum or 1) == 1:
            self.rounds.pop(component.id, None)
            return Judged(seen)
        self.rounds[component.id] = round_
        overruled = seen.status != "unknown" and not agrees(seen.status, round_.sense)
        return Judged(observation(own, round_) if mine else None, overruled)

    def _others(self, component: Component, at: float) -> list[Vote] | None:
        """The others' votes around that moment; None when they are past it."""
        if self._apart:
            return [Vote(name, at, "unknown") for name in self._by.get(component.id, ())]
        votes = around(self._votes.get(component.id, ()), at, company.reaches(component))
        if votes is None:
            return None
        if votes:
            self._by[component.id] = sorted(one.observer for one in votes)
        else:
            self._by.pop(component.id, None)
        return votes

    def _weigh(self, component: Component, seen: Observation, round_: Round, mine: bool) -> None:
        """Begin, go on with, or end a doubt."""
        doubt = self._doubts.get(component.id)
        if round_.lonely and mine:
            doubt = Doubt(doubt.since, doubt.rounds + 1, doubt.told) if doubt else Doubt(seen.at, 1, False)
            if doubt.rounds >= component.common.fail_threshold and not doubt.told:
                doubt = doubt._replace(told=True)
                self.news.append(News(component, doubt, round_, over=False))
            self._doubts[component.id] = doubt
        elif doubt and round_.sense == "up":
            del self._doubts[component.id]
            if doubt.told:
                self.news.append(News(component, doubt, round_, over=True))

    def keep(self) -> None:
        """Remember who looks at what, for when the store is away."""
        shared = Shared(self._by, self._doubts)
        if shared != self._known:
            company.keep(self._db, self._me, shared)

    @property
    def hears(self) -> bool:
        """Whether the others can be heard of just now."""
        return not self._apart

    def tell(
        self, states: Mapping[str, State], quiet: Callable[[], Iterable[Silence]], now: float
    ) -> list[tuple[str, str, str]]:
        """Tell people of doubts, and of their end those who heard of them. What has become a fault is told of as that.
        Gives what was decided: component, decision, reason."""
        in_fault = {id_ for id_, state in states.items() if state.state in ("fault", "recovering")}
        self._doubts = {id_: doubt for id_, doubt in self._doubts.items() if id_ not in in_fault}
        told = []
        for one in self.news:
            alert = self._alert(one, now)
            if one.component.id in in_fault:
                continue
            if one.over:
                add(
                    self._db,
                    self._config,
                    alert,
                    alerts.told(self._db, str(alert.incident)),
                    now,
                    one.component.severity,
                )
            else:
                tell(self._db, self._config, alert, one.component, quiet(), now)
            told.append((one.component.id, alert.type, alert.reason))
        return told

    def _alert(self, news: News, now: float) -> Alert:
        component, doubt, round_, over = news
        kind = "unconfirmed_ended" if over else "unconfirmed"
        about = incident_id(component.id, doubt.since)
        cause = next((one.error for one in round_.votes if one.observer == self._me and one.error), "")
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
