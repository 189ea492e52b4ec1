"""Notifies people of components that could not be checked for a while, and decides which such checks do not count.

Used by detection, inside its transaction, once a pass.

- One cause is one message: components of one kind that this host cannot check for the same reason share one alert.
- A component that joins later causes no second alert if its checks failed from the first one due after the cause began.
  Channels that take only that component are notified all the same.
- The end is one message, when the last of them can be checked again.
- What is silenced, or depends on something in fault, is sent when that is over.
- There is no incident to acknowledge, so there are no reminders and no escalation. `status`, dashboard and report show
  it while it lasts; channels with `escalate_after` are notified at once where no other channel would be.
"""

import re
from binascii import crc32
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence

from heartbeat_cli import plugins
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import ENDS, Alert, unobserved_severity, worst_severity
from heartbeat_cli.domain.alerting.routing import audience, split
from heartbeat_cli.domain.component import Component, Severity, target_of
from heartbeat_cli.domain.detection.attribution import parent_of
from heartbeat_cli.domain.detection.fault_detection import Observation, State
from heartbeat_cli.domain.incident import began, incident_id
from heartbeat_cli.domain.kinds import docker_host
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting import still_open
from heartbeat_cli.passes.alerting.enqueue import common_settings, enqueue_to
from heartbeat_cli.passes.check import isolation
from heartbeat_cli.store.history.passes import UndetectedPass
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.quorum import peers
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import silences
from heartbeat_cli.store.state.silences import Silence
from heartbeat_cli.views import wording

Observations = Sequence[tuple[Component, Observation]]
Decided = Iterator[tuple[str, str, str]]  # component, decision, reason

_NAMED, _LISTED = 6, 60  # components in a title and in a message; more are counted
_SPANS = re.compile(r"\d+(?:\.\d+)?(?= ?(?:ms|s|min)\b)")  # each component has a timeout of its own


class Scene(Record):
    """What detection works on: `states` as they stand after the pass."""

    db: Database
    config: Config
    states: MutableMapping[str, State]
    now: float


def excused(scene: Scene, one: UndetectedPass, observations: Observations) -> list[tuple[Component, Observation]]:
    """The same checks; an `unknown` that was to be expected says so."""
    remote = frozenset(isolation.remote(scene.config)) if one.isolated else frozenset()
    planned: list[Silence] | None = None
    found = []
    for component, seen in observations:
        if seen.status == "unknown" and not seen.excuse:
            state = scene.states.get(component.id)
            expected = component.id in remote or _waits_for_its_first_beat(component, state)
            expected = expected or _is_judged_seldom(component, state)
            if not expected and not (state is not None and state.unobserved):
                if planned is None:
                    planned = [s for s in silences.in_force(scene.db, scene.config, seen.at) if s.kind == "maintenance"]
                expected = any(silence.covers(component, seen.at) for silence in planned)
            if expected:
                seen = seen._replace(excuse="not expected")
        found.append((component, seen))
    return found


def _waits_for_its_first_beat(component: Component, state: State | None) -> bool:
    beats = getattr(plugins.load("monitors", component.kind), "WANTS_BEATS", False)
    return beats and component.broken is None and not (state is not None and state.judged)


def _is_judged_seldom(component: Component, state: State | None) -> bool:
    """Whether people know of its fault, and only some of its checks can show whether that is over."""
    seldom = getattr(plugins.load("monitors", component.kind), "JUDGES_SELDOM", False)
    return seldom and component.broken is None and state is not None and state.state == "fault"


def begin(scene: Scene, observations: Observations, in_force: Callable[[], Iterable[Silence]]) -> Decided:
    """Notify people of what is unobserved and of which nobody was notified yet; yields what was decided."""
    groups: dict[str, list[tuple[Component, Observation]]] = {}
    names: dict[str, re.Pattern[str]] = {}
    for component, seen in observations:
        state = scene.states[component.id]
        if seen.status == "unknown" and not seen.excuse and state.unobserved and state.unobserved_alert is None:
            held = parent_of(component, scene.states, scene.config.components)
            if (held and held.in_fault) or any(one.covers(component, seen.at) for one in in_force()):
                continue
            if component.kind not in names:
                names[component.kind] = _names(scene.config, component.kind)
            stands = scene.config.blocks.get(component.id) in scene.config.unread
            cause = _cause(scene.config.observer, component, seen, None if stands else names[component.kind])
            groups.setdefault(cause, []).append((component, seen))
    for cause, members in groups.items():
        joined = _ongoing(scene, cause)
        late = [one for one in members if joined is not None and _same(scene, joined, one[0])]
        if joined is not None and late:
            yield from _enqueue(scene, joined, late, late=True)
        if fresh := [one for one in members if one not in late]:
            since = min(_since(scene, component, seen) for component, seen in fresh)
            yield from _enqueue(scene, incident_id(cause, since), fresh, late=False)


def _names(config: Config, kind: str) -> re.Pattern[str]:
    """What the components of a kind are called, themselves and where they run."""
    found = {
        name for one in config.components.values() if one.kind == kind for name in (one.id, one.name, target_of(one))
    }
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(found, key=len, reverse=True)))})(?!\w)")


def _cause(observer: str, component: Component, seen: Observation, names: re.Pattern[str] | None) -> str:
    """What components that share a cause have alike: this host, the kind, and the reason without anybody's name (each
    of them is left out of all reasons: one may be a common word). What stands for a block (None) has the reason of
    that, which names who was asked, or the file."""
    reason = _SPANS.sub("#", names.sub("*", seen.error or "") if names is not None else seen.error or "")
    return f"{component.kind}_unobserved-{crc32(f'{observer} {reason}'.encode()):08x}"


def _ongoing(scene: Scene, cause: str) -> str | None:
    """The newest alert with that cause which is not over."""
    abouts = {one.unobserved_alert for one in scene.states.values() if one.unobserved and one.unobserved_alert}
    return max((about for about in abouts if about.startswith(f"{cause}@")), key=began, default=None)


def _since(scene: Scene, component: Component, seen: Observation) -> float:
    since = scene.states[component.id].unknown_since
    return seen.at if since is None else since


def _same(scene: Scene, about: str, component: Component) -> bool:
    """Whether a component's checks failed as soon as one was due after the cause began: else it is a new case."""
    since = scene.states[component.id].unknown_since
    return since is None or since <= began(about) + peers.reaches(component)


def _enqueue(scene: Scene, about: str, members: Sequence[tuple[Component, Observation]], *, late: bool) -> Decided:
    """Record the alerts of components with one cause: one for all channels that take the same of them."""
    before = set(alerts.notified_channels(scene.db, about)) if late else set()
    takers: dict[str, list[tuple[Component, Observation]]] = {}
    for component, seen in members:
        scene.states[component.id] = scene.states[component.id]._replace(unobserved_alert=about)
        for channel in _listeners(scene.config, component):
            if channel not in before:
                takers.setdefault(channel, []).append((component, seen))
    sets: dict[tuple[str, ...], list[str]] = {}
    for channel, taken in takers.items():
        sets.setdefault(tuple(one.id for one, _ in taken), []).append(channel)
    if not sets and not late:
        sets[tuple(one.id for one, _ in members)] = []
    if not sets:
        yield members[0][0].id, "joined", Text("people know of the same cause already")
    for number, (ids, channels) in enumerate(sorted(sets.items(), key=lambda one: (-len(one[0]), one[0]))):
        alert = _alert(scene, about, [one for one in members if one[0].id in ids], plain=not late and number == 0)
        enqueue_to(scene.db, scene.config, alert, channels, scene.now)
        yield (
            alert.component,
            alert.type,
            Text("{title}: {cause}", title=alert.title, cause=str(alert.details["cause"])),
        )


def _listeners(config: Config, component: Component) -> list[str]:
    takers = audience(common_settings(config), unobserved_severity(component), component)
    at_once, _ = split(common_settings(config), takers)
    return at_once or takers


def _alert(scene: Scene, about: str, members: Sequence[tuple[Component, Observation]], *, plain: bool) -> Alert:
    """`plain`: the first one of its cause, which needs no suffix."""
    (component, seen), ids = members[0], [one.id for one, _ in members]
    type_ = f"{component.kind}_unobserved"
    suffix = "" if plain else f"-{crc32(' '.join(ids).encode()):08x}"
    patience = scene.config.heartbeat.unobserved_after
    details: dict[str, object] = {"kind": component.kind, "target": target_of(component), "components": ids}
    details |= {"observer": scene.config.observer, "cause": seen.error or ""}
    details["started"] = min(_since(scene, *one) for one in members)
    named = _named(scene.config, [one for one, _ in members])
    if len(members) > 1:
        listed = _listed(scene.config, ids, _LISTED)
        details["text"] = wording.word("unobserved_all", scene.config.heartbeat.locale, names=listed)
    severity: Severity = worst_severity(unobserved_severity(one) for one, _ in members)
    return Alert(
        id=f"{about}/{type_}{suffix}",
        type=type_,
        severity=severity,
        title=wording.title(type_, named, scene.config.heartbeat.locale),
        component=component.id,
        at=scene.now if seen.at > scene.now else seen.at,
        incident=about,
        reason=Text("{n} checks in a row could not be made (threshold {threshold})", n=patience, threshold=patience),
        details=details,
    )


def _named(config: Config, members: Sequence[Component]) -> Component:
    """The first component under the names of all of them."""
    shown = _listed(config, [one.name for one in members], _NAMED)
    return members[0]._replace(common=members[0].common._replace(name=shown))


def _listed(config: Config, names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are."""
    shown = wording.word("names_comma", config.heartbeat.locale).join(names[:most])
    if len(names) > most:
        shown += f" {wording.word('more', config.heartbeat.locale, count=len(names) - most)}"
    return shown


def end(scene: Scene, before: Mapping[str, State]) -> Decided:
    """Notify those who were notified before that everything with a cause can be checked again; `before` is where the
    components of this pass stood."""
    over = {one.unobserved_alert for one in before.values() if one.unobserved_alert}
    known = scene.config.components
    may_be = scene.config.may_still_have
    over -= {one.unobserved_alert for id_, one in scene.states.items() if id_ in known or may_be(id_)}
    for about in sorted(one for one in over if one):
        yield from notify_end(scene, about)


def notify_end(scene: Scene, about: str) -> Decided:
    """Notify those who were notified of one cause that it is over."""
    notified, given = set(alerts.notified_channels(scene.db, about)), alerts.of_incident(scene.db, about)
    sent = alerts.deliveries(scene.db, [one.id for one in given])
    for begun in given:
        if begun.type in ENDS:
            continue
        channels = [one.channel for one in sent if one.alert_id == begun.id and one.channel in notified]
        alert = _end(scene, begun)
        if enqueue_to(scene.db, scene.config, alert, channels, scene.now, begun.severity):
            yield alert.component, alert.type, alert.title


def _was_silent(begun: Alert) -> bool:
    """Whether it was the Docker daemon that did not answer."""
    return str(begun.details.get("cause") or "").startswith(docker_host.IN_TIME.template.partition("{")[0])


def _end(scene: Scene, begun: Alert) -> Alert:
    known = scene.config.components
    members = [known[id_] for id_ in begun.members if id_ in known]
    locale = scene.config.heartbeat.locale
    title = (
        wording.title(
            "docker_answers" if _was_silent(begun) else "observed_again", _named(scene.config, members), locale
        )
        if members
        else wording.observer_title("observed_again", begun.component, locale)
    )
    kept = {key: begun.details.get(key) for key in ("kind", "target", "observer", "cause")}
    kept |= {"components": begun.members, "started": begun.began}
    kept |= still_open.of(scene.db, scene.config, scene.now, begun.members, scene.states)
    return begun._replace(
        id=begun.id.replace(f"/{begun.type}", "/observed_again", 1),
        type="observed_again",
        severity="low",
        title=title,
        at=scene.now,
        reason=Text("a check could be made again"),
        details=kept,
    )
