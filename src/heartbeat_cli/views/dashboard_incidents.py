"""Open incidents on the dashboard: what was seen, what heartbeat did about it or why it did not, and who is wanted."""

from collections.abc import Mapping
from typing import Any

from heartbeat_cli.domain.checking.result import FAILURES
from heartbeat_cli.domain.component import Component, severity_rank
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.reporting.board import Board, wants
from heartbeat_cli.views.voice import Voice

_INCIDENTS = 20  # shown one by one; more are counted
_STEPS = 8
_FAILED = ("failed", "denied", "refused")


def incidents(board: Board, components: Mapping[str, Component], voice: Voice) -> dict[str, Any]:
    """The gravest and oldest first; what only fell over with its parent stands with the parent."""
    known = {one.component for one in board.incidents}
    own = [one for one in board.incidents if one.held_by not in known]
    own.sort(key=lambda one: (-severity_rank(one.severity), one.started))
    shown = [_incident(one, board, components, voice) for one in own[:_INCIDENTS]]
    return {"shown": shown, "more": len(own) - len(shown)}


def wanted(one: Incident, board: Board, components: Mapping[str, Component], now: float) -> str:
    """`person`, `word` or nothing: see `domain.board.wants`."""
    component = components.get(one.component)
    tried, orphaned = board.attempts.get(one.id, ()), one.component in board.orphans
    glance = board.glances.get(one.component)
    failure = glance.failure if glance and glance.status in FAILURES else None
    return wants(component, one, tried, now, orphaned, failure) if component else ""


def _incident(one: Incident, board: Board, components: Mapping[str, Component], voice: Voice) -> dict[str, Any]:
    tried, component = board.attempts.get(one.id, ()), components.get(one.component)
    taken = [other.component for other in board.incidents if other.held_by == one.component]
    want, quiet = wanted(one, board, components, voice.now), board.quiet.get(one.component)
    return {
        "id": one.component,
        "name": _name(one.component, components, voice),
        "severity": one.severity,
        "cause": voice.blamed(voice.said(one.cause, 400), one.failure),
        "since": voice.moment(one.started),
        "held_by": _name(one.held_by, components, voice) if one.held_by else "",
        "acked_by": voice.clean(one.acked_by or "?", 60) if one.acked else "",
        "acked": voice.moment(one.acked) if one.acked else None,
        "quiet": voice.word(f"quiet_{quiet.kind}", until=voice.moment(quiet.ends).shown) if quiet else "",
        "affected": [_name(id_, components, voice) for id_ in taken[:_INCIDENTS]],
        "affected_more": max(0, len(taken) - _INCIDENTS),
        "needs_person": want == "person",
        "waits": f"heartbeat recover --component {one.component}" if want == "word" else "",
        "steps": [_step(attempt, len(board.observers) > 1, voice) for attempt in tried[-_STEPS:]],
        "steps_before": max(0, len(tried) - _STEPS),
        "nothing": _nothing(component, voice),
    }


def _nothing(component: Component | None, voice: Voice) -> str:
    """Why nothing was done, as far as the configuration says it."""
    if component is not None and not component.plan.ladder:
        return voice.word("no_ladder")
    if component is not None and component.plan.mode == "off":
        return voice.word("recovery_off")
    return voice.word("nothing_tried")


def _step(one: Attempt, several: bool, voice: Voice) -> dict[str, Any]:
    action = voice.clean(one.action, 60)
    outcome, judged = voice.word(one.outcome), one.verify_until is None or voice.now > one.verify_until
    if one.outcome == "done" and (one.verified or judged):
        outcome += f" – {voice.word('verified' if one.verified else 'not_verified')}"
    return {
        "level": "ok" if one.verified else "bad" if one.outcome in _FAILED else "dim" if _idle(one) else "warn",
        "action": voice.word("on_host", action=action, host=voice.clean(one.observer, 40)) if several else action,
        "outcome": outcome,
        "detail": voice.said(one.detail, 200),
        "at": voice.moment(one.started),
        "by": "" if one.requested_by in ("", "heartbeat") else voice.clean(one.requested_by, 40),
    }


def _idle(one: Attempt) -> bool:
    """Nothing was done: it was held back, or cut off before it began."""
    return one.outcome in ("held", "lost")


def _name(id_: str, components: Mapping[str, Component], voice: Voice) -> str:
    return voice.clean(components[id_].name if id_ in components else id_, 80)
