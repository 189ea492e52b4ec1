"""The parts of a report that come first: the verdict, what needs a person, what broke, why, and what healed it."""

from collections.abc import Sequence

from heartbeat_cli.domain.component import severity_rank
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.domain.recovery.brakes import CARRIED_OUT
from heartbeat_cli.domain.reporting.availability import Story
from heartbeat_cli.views.report_parts import Item, Part
from heartbeat_cli.views.report_voice import Speech

NEAR = 7.0  # days to a limit that a person should know of today
_NAMES = 6  # names of a list; more are counted


def own(speech: Speech) -> list[Story]:
    """The incidents that are nobody else's: open ones first, then the gravest, then the newest."""
    known = {one.component for one in speech.summary.incidents}
    found = [one for one in speech.summary.stories if one.incident.held_by not in known]

    def order(one: Story) -> tuple[bool, int, float]:
        return one.incident.ended is not None, -severity_rank(one.incident.severity), -one.incident.started

    return sorted(found, key=order)


def verdict(speech: Speech, needs: Sequence[Item]) -> tuple[str, str]:
    """A level and one sentence."""
    summary, stories = speech.summary, own(speech)
    open_ = sum(one.incident.ended is None for one in stories)
    count = len(stories)
    incidents = speech.counted("incidents", count) if count else speech.word("incidents_0")
    if needs:
        said = speech.counted("needs", len(needs))
        if doubts := [speech.word("unconfirmed", name=speech.name(one.component)) for one in summary.unconfirmed]:
            said += speech.word("colon") + names(doubts, speech)  # no incident says so
        elif summary.unobserved:
            unseen = names([speech.name(one.component) for one in summary.unobserved], speech)
            said += speech.word("colon") + speech.word("unobserved", names=unseen)
        key = "verdict_needs" if open_ else "verdict_mend"
        return "bad", speech.word(key, incidents=incidents, open=open_, needs=said)
    if not summary.whole.heartbeats:
        return "dim", speech.word("verdict_nothing")
    if open_:
        return "warn", speech.word("verdict_open", incidents=incidents, open=open_)
    if remarks := speech.phrases(_remarks(speech)):
        return "warn", speech.word("verdict_over_but" if count else "verdict_but", incidents=incidents, remarks=remarks)
    if count:
        return "warn", speech.word("verdict_over", incidents=incidents)
    if not summary.whole.made:
        return "dim", speech.word("verdict_unseen")
    well = sum(one.made > 0 for one in summary.tallies)
    return "ok", speech.word("verdict_well", components=speech.counted("components", well))


def _remarks(speech: Speech) -> list[str]:
    """What keeps a period without a fault from being called well."""
    summary, found = speech.summary, []
    if failing := [speech.name(one.component) for one in summary.failing]:
        found.append(speech.word("but_failing" if len(failing) == 1 else "but_failing_n", names=names(failing, speech)))
    if summary.unseen:
        found.append(speech.word("but_unseen", names=names([speech.name(id_) for id_ in summary.unseen], speech)))
    missed = sorted((one.left, id_) for id_, one in summary.budgets.items() if one.left < 0)
    if summary.budget is not None and summary.budget.left < 0:
        found.append(speech.word("but_missed"))
    elif missed:
        found.append(speech.word("but_missed_by", names=names([speech.name(id_) for _, id_ in missed], speech)))
    return found


def needs(speech: Speech) -> list[Item]:
    """What heartbeat cannot mend by itself."""
    return [
        *_faults(speech),
        *_unobserved(speech),
        *_unconfirmed(speech),
        *_watching(speech),
        *_channels(speech),
        *_full(speech),
    ]


def _faults(speech: Speech) -> list[Item]:
    found = []
    for story in own(speech):
        one = story.incident
        if one.ended is not None or one.acked is not None or one.held_by:
            continue
        untried = not any(attempt.outcome in CARRIED_OUT for attempt in story.attempts)
        if one.recovery == "failed" or untried:
            key = "need_failed" if one.recovery == "failed" else "need_untried"
            facts = speech.word(key, since=speech.when(one.started), lasted=speech.span(story.lasted))
            found.append(Item("bad", speech.name(one.component), facts, (speech.cause(one),), one.id))
    return found


def _unobserved(speech: Speech) -> list[Item]:
    """What cannot be checked: nobody knows whether it works."""
    return [
        Item(
            "bad",
            speech.name(one.component),
            speech.word("need_unobserved", since=speech.when(one.since)),
            (speech.said(one.error),) if one.error else (),
        )
        for one in speech.summary.unobserved
    ]


def _unconfirmed(speech: Speech) -> list[Item]:
    """What fails and too few hosts look at: no fault, so heartbeat leaves it alone."""
    return [
        Item(
            "bad",
            speech.name(one.component),
            speech.word("need_unconfirmed", since=speech.when(one.since)),
            (speech.said(one.votes),),
        )
        for one in speech.summary.unconfirmed
    ]


def _watching(speech: Speech) -> list[Item]:
    """heartbeat itself does not run, or its store is away, at the end of the period."""
    summary, found = speech.summary, []
    if lost := [gap for gap in summary.gaps if gap.ended == summary.until]:
        since = speech.when(max(gap.started for gap in lost))
        found.append(Item("bad", speech.word("need_passes", since=since), ""))
    if away := [one for one in summary.degraded if one.ended is None]:
        since = speech.when(min(one.started for one in away))
        found.append(Item("bad", speech.word("need_store", since=since), "", (speech.said(away[0].reason),)))
    return found


def _channels(speech: Speech) -> list[Item]:
    trouble: dict[str, list[str]] = {}
    for one in speech.summary.deliveries:
        if one.state in ("waiting", "failed") and one.last_error:
            trouble.setdefault(one.channel, []).append(one.last_error)
    found = []
    for channel, errors in sorted(trouble.items()):
        head = speech.word("need_channel", channel=speech.clean(channel, 40), count=len(errors))
        found.append(Item("bad", head, "", (speech.said(errors[-1]),)))
    return found


def _full(speech: Speech) -> list[Item]:
    near = [one for one in speech.summary.forecasts if one.days <= NEAR]
    return [
        Item("bad", speech.word("need_full", what=what, full=full), "") for what, full, _ in forecasts(speech, near)
    ]


def forecasts(speech: Speech, found: Sequence[object] | None = None) -> list[tuple[str, str, str]]:
    """What fills up, in how many days, and where it stands."""
    said = []
    for one in speech.summary.forecasts:
        if found is not None and one not in found:
            continue
        label = speech.clean(one.label, 40)
        what = speech.word("disk", label=label) if one.metric == "disk_used_percent" else speech.word(one.metric)
        days, earliest = f"{one.days:.0f}", f"{one.earliest:.0f}"
        key = "full_soon" if one.days < 1 else "full_open" if one.latest is None else "full"
        full = speech.word(key, days=days, earliest=earliest, latest=f"{one.latest or 0:.0f}")
        said.append((speech.name(one.component) + speech.word("colon") + what, full, speech.level(one.metric, one.now)))
    return said


def needs_part(speech: Speech, found: Sequence[Item], most: int, told: Part) -> Part:
    """What needs a person, as a part; of the incidents that the part `told` lists it names only what they are."""
    listed = {one.incident for one in told.items}
    found = [one._replace(lines=()) if one.incident and one.incident in listed else one for one in found]
    left = found[most:]
    note = speech.word("more", count=len(left), names=names([one.head for one in left], speech)) if left else ""
    return Part("needs", speech.word("needs"), tuple(found[:most]), note=note)


def incidents_part(speech: Speech, most: int) -> Part:
    """What broke, why, and what healed it; whatever only fell over with something else stands there in one line."""
    stories = own(speech)
    left = stories[most:]
    note = ""
    if left:
        of = names([speech.name(one.incident.component) for one in left], speech)
        note = speech.word("more", count=len(left), names=of)
    if not stories:
        return Part("incidents", note=speech.word("no_incidents"))
    return Part("incidents", speech.word("incidents"), tuple(_item(s, speech) for s in stories[:most]), note=note)


def _item(story: Story, speech: Speech) -> Item:
    one = story.incident
    if one.ended is None:
        times = speech.word("open_since", since=speech.when(one.started), lasted=speech.span(story.lasted))
    else:
        started, ended = speech.when(one.started), speech.when(one.ended)
        times = speech.word("from_to", started=started, ended=ended, lasted=speech.span(story.lasted))
    facts = [speech.word("severity_is", severity=speech.severity(one.severity)), times]
    if one.relapses:
        facts.append(speech.word("outages", n=len(one.outages)))
    if one.acked is not None and one.ended is None:
        facts.append(speech.word("acked", who=speech.clean(one.acked_by or "?", 40)))
    lines = [speech.cause(one), _healing(story, speech)]
    if one.held_by:
        lines.append(speech.word("because_of", name=speech.name(one.held_by)))
    if taken := _taken(story, speech):
        lines.append(speech.word("with_it", names=names(taken, speech)))
    level = "bad" if one.ended is None else "ok" if story.healed_by else "warn"
    return Item(level, speech.name(one.component), " · ".join(facts), tuple(line for line in lines if line), one.id)


def _taken(story: Story, speech: Speech) -> list[str]:
    """The components that this one took along while it lasted."""
    one, found = story.incident, {}
    end = float("inf") if one.ended is None else one.ended
    for other in speech.summary.incidents:
        if other.held_by == one.component and other.started < end and (other.ended or end) >= one.started:
            found[other.component] = speech.name(other.component)
    return [found[id_] for id_ in sorted(found)]


def _healing(story: Story, speech: Speech) -> str:
    """What was tried and what it came to."""
    if (cure := story.healed_by) is not None:
        detail = speech.said(cure.detail, 120)
        what = speech.step(cure) + (speech.word("colon") + detail if detail else "")
        return speech.within(speech.word("healed_by", action=what), speech.word("verified"))
    tried = speech.phrases(_attempt(one, speech) for one in story.attempts[-4:])
    if len(story.attempts) > 4:
        tried = f"… {tried}"
    if story.incident.ended is not None:
        return speech.word("healed_after", tried=tried) if tried else speech.word("healed_self")
    return speech.word("tried", tried=tried) if tried else "" if story.incident.held_by else speech.word("untried")


def _attempt(one: Attempt, speech: Speech) -> str:
    outcome = f"{speech.step(one)} {outcome_word(one.outcome, speech)}"
    detail = speech.said(one.detail, 70) if one.outcome != "done" else ""
    return speech.within(outcome, detail)


def outcome_word(outcome: str, speech: Speech) -> str:
    """What an attempt came to, in words."""
    key = f"outcome_{outcome}"
    found = speech.word(key)
    return speech.clean(outcome, 40) if found == key else found


def names(found: Sequence[str], speech: Speech, most: int = _NAMES) -> str:
    """A few names, and that there are more."""
    return speech.listed([*found[:most], *(["…"] if len(found) > most else [])])
