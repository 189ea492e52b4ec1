"""The figures of a report as facts with a plain verdict: service level, response times, recovery, forecasts, the
host's day, delivery, and when nobody looked. What there is nothing to say about is left out."""

from collections.abc import Iterable

from heartbeat_cli.domain import plain
from heartbeat_cli.domain.checking.coverage import Degraded, Gap
from heartbeat_cli.domain.checking.gauge import METRICS, Gauge
from heartbeat_cli.i18n.catalogs import translated
from heartbeat_cli.views.report_incidents import forecasts, names
from heartbeat_cli.views.report_parts import Fact, Part
from heartbeat_cli.views.report_voice import Speech

_UNSENT = ("printed", "handed_over", "waiting", "failed")  # states of a notification
_SHOWN = 3  # of a list of worst ones
_SHARES = (0.5, 0.95, 0.99)
_BRIEF_GAUGES = ("cpu_percent", "memory_used_percent", "disk_used_percent", "connections_used_percent")


def figures(speech: Speech, *, brief: bool = False) -> Part:
    """All of them; `brief` for a text, where a comparison is a line and not a table."""
    summary = speech.summary
    if not summary.whole.heartbeats and summary.whole.availability_percent is None:
        return Part("figures", facts=tuple(_unseen(speech)), note=speech.word("no_heartbeats"))
    facts = [
        _availability(speech, brief),
        _looks(speech),
        _response(speech, brief),
        *_recovery(speech),
        *_faults(speech),
        *_flakiest(speech),
        *_forecasts(speech),
        *_hosts(speech, brief),
        _delivery(speech, brief),
        *_unseen(speech),
    ]
    return Part("figures", speech.word("service"), facts=tuple(fact for fact in facts if fact.lines))


def _availability(speech: Speech, brief: bool) -> Fact:
    summary = speech.summary
    said = [speech.percent(summary.whole.availability_percent)]
    missed = sorted((one.left, id_) for id_, one in summary.budgets.items() if one.left < 0)
    level = ""
    if (budget := summary.budget) is not None:
        target = translated(plain.percent(budget.target_percent), speech.locale)
        if budget.left < 0:
            spans = {"used": speech.exact(budget.used), "allowed": speech.exact(budget.allowed)}
            said.append(speech.word("target_missed", target=target, **spans))
            level = "bad"
        elif (summary.whole.availability_percent or 0.0) < budget.target_percent:
            spans = {"used": speech.exact(budget.used), "allowed": speech.exact(budget.allowed)}
            said.append(speech.word("target_below", target=target, **spans))
            level = "warn"
        elif missed:  # what is left of the whole would stand beside a target that was missed
            said.append(speech.word("target_met", target=target))
        else:
            spans = {"left": speech.exact(budget.left), "allowed": speech.exact(budget.allowed)}
            said.append(speech.word("target_left", target=target, **spans))
    if summary.coverage_percent is not None:
        said.append(speech.word("watched", share=speech.percent(summary.coverage_percent)))
    lines = [speech.phrases(said)]
    if missed:
        level = level or "warn"
        worst = [speech.within(speech.name(id_), speech.exact(-left)) for left, id_ in missed]
        lines.append(speech.word("missed_by", names=names(worst, speech, _SHOWN)))
    if brief and (before := _compared(speech)):
        lines.append(speech.word("before", values=before))
    return Fact(speech.word("availability"), tuple(lines), level)


def _compared(speech: Speech) -> str:
    """Earlier availability, where any was different."""
    if {one.availability_percent for one in speech.summary.comparisons} <= {
        None,
        speech.summary.whole.availability_percent,
    }:
        return ""
    found = [
        speech.word(one.name, value=speech.percent(one.availability_percent))
        for one in speech.summary.comparisons
        if one.availability_percent is not None
    ]
    return speech.listed(found)


def _looks(speech: Speech) -> Fact:
    whole = speech.summary.whole
    average = speech.took(whole.average_response_time)
    said = speech.word(
        "looks", count=f"{whole.heartbeats:,}", share=speech.percent(whole.healthy_percent), average=average
    )
    return Fact(speech.word("heartbeats"), (said,))


def _response(speech: Speech, brief: bool) -> Fact:
    summary = speech.summary
    if not summary.whole.answered:
        return Fact("", ())
    before = [speech.word(one.name, value=speech.took(one.p95)) for one in summary.comparisons if one.p95 is not None]
    shares = {share: f"p{share * 100:.0f} {speech.took(summary.whole.response_time(share))}" for share in _SHARES}
    if brief:
        shares[0.95] = speech.within(shares[0.95], speech.listed(before))
    lines = [speech.listed(shares.values())]
    for one in summary.shifts[:_SHOWN]:
        change = speech.took(abs(one.change))
        values = {"since": speech.when(one.since), "change": change, "name": speech.name(one.component)}
        ends = {"before": speech.took(one.before), "after": speech.took(one.after)}
        lines.append(speech.word("slower" if one.change > 0 else "faster", **values, **ends))
    return Fact(speech.word("response"), tuple(lines), "warn" if any(s.change > 0 for s in summary.shifts) else "")


def _recovery(speech: Speech) -> list[Fact]:
    one = speech.summary.recovery
    said = []
    if one.carried_out:
        share = speech.percent(one.success_percent)
        said.append(speech.word("recovered", verified=one.verified, carried=one.carried_out, share=share))
    if one.stopped:
        said.append(speech.word("stopped", count=one.stopped))
    return [Fact(speech.word("recovery"), (speech.phrases(said),))] if said else []


def _faults(speech: Speech) -> list[Fact]:
    times = speech.summary.times
    said = [
        speech.word(key, span=speech.span(value))
        for key, value in (("detect", times.detect), ("repair", times.repair), ("between", times.between))
        if value is not None
    ]
    return [Fact(speech.word("faults"), (speech.listed(said),))] if said else []


def _flakiest(speech: Speech) -> list[Fact]:
    found = [one for one in speech.summary.flakiest if one.incidents or one.flaps]
    said = [
        speech.word(
            "flaky",
            name=speech.name(one.component),
            reasons=speech.listed(
                speech.counted(what, count)
                for what, count in (("incidents", one.incidents), ("failing", one.failing), ("turns", one.flaps))
                if count
            ),
        )
        for one in found[:_SHOWN]
    ]
    return [Fact(speech.word("flakiest"), tuple(said))] if said else []


def _forecasts(speech: Speech) -> list[Fact]:
    said = [speech.phrases((f"{what} {full}", speech.word("now_at", now=now))) for what, full, now in forecasts(speech)]
    return [Fact(speech.word("forecast"), tuple(said[:_SHOWN]), "warn")] if said else []


def _hosts(speech: Speech, brief: bool) -> list[Fact]:
    """A line for each host and database that tells of itself."""
    of: dict[str, list[Gauge]] = {}
    for gauge in speech.summary.gauges:
        if not brief or gauge.metric in _BRIEF_GAUGES:
            of.setdefault(gauge.component, []).append(gauge)
    lines = []
    for id_, gauges in of.items():
        gauges.sort(key=lambda one: (METRICS.index(one.metric), one.label))
        said = speech.listed(gauge_said(one, speech) for one in gauges)
        lines.append(speech.name(id_) + speech.word("colon") + said)
    return [Fact(speech.word("host"), tuple(lines))] if lines else []


def gauge_said(one: Gauge, speech: Speech) -> str:
    """`CPU 24 % (to 45 %)`; of what only grows, where it stands."""
    name = speech.word(one.metric, label=speech.clean(one.label, 40))
    if one.metric in ("disk_used_percent", "inodes_used_percent"):
        return f"{name} {speech.level(one.metric, one.last)}"
    mean, most = speech.level(one.metric, one.mean), speech.level(one.metric, one.most)
    return f"{name} {speech.word('to_most', mean=mean, most=most)}"


def _delivery(speech: Speech, brief: bool) -> Fact:
    """How many were raised, and what became of them channel by channel."""
    summary = speech.summary
    if not summary.alerts:
        return Fact(speech.word("delivery"), () if brief else (speech.word("alerts_none"),))
    states: dict[str, dict[str, int]] = {}
    for one in summary.deliveries:
        of = states.setdefault(one.channel, {})
        of[one.state] = of.get(one.state, 0) + 1
    said = []
    for channel, of in sorted(states.items()):
        rest = [speech.word(f"channel_{s}", count=of[s]) for s in _UNSENT if of.get(s)]
        first = speech.word("channel_sent", channel=speech.clean(channel, 40), sent=of.get("sent", 0))
        said.append(speech.listed([first, *rest]))
    text = speech.word("alerts_told", count=len(summary.alerts), channels=speech.phrases(said) or speech.word("untold"))
    failing = any(one.state != "sent" for one in summary.deliveries)
    return Fact(speech.word("delivery"), (text,), "warn" if failing else "")


def _unseen(speech: Speech) -> Iterable[Fact]:
    """When nobody looked, and when what was seen had to be kept beside the store."""
    summary = speech.summary
    for seconds, found, label, key in (
        (summary.gap_seconds, summary.gaps, "unwatched", "unwatched_for"),
        (summary.degraded_seconds, summary.degraded, "spooled", "spooled_for"),
    ):
        if seconds > 0:
            when = names([_from_to(one, speech) for one in found], speech)
            yield Fact(speech.word(label), (speech.word(key, lasted=speech.exact(seconds), when=when),), "warn")


def _from_to(one: Gap | Degraded, speech: Speech) -> str:
    start = max(one.started, speech.summary.period.start)
    end = speech.summary.until if one.ended is None else min(one.ended, speech.summary.until)
    return f"{speech.when(start)}-{speech.when(end)}"
