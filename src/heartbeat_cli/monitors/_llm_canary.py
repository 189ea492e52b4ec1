"""The canary of a model API, for `llm.py`: the smallest completion there is, streamed, now and then, and never twice.

When one was sent, how many, and what the last has shown is in a note in the state folder. A canary is counted there,
under a lock, before it is sent; what cannot be counted is not sent.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

from heartbeat_cli.domain import plain
from heartbeat_cli.domain.checking.exchange import Request, Response, headers
from heartbeat_cli.domain.checking.result import FAILURES, CheckContext, Metric, Reading, Status
from heartbeat_cli.domain.kinds import canary, model_api
from heartbeat_cli.domain.kinds.canary import Note, Verdict
from heartbeat_cli.domain.plain import duration, json_text
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _llm_answers
from heartbeat_cli.redact import redact, worth_hiding
from heartbeat_cli.system import note

_PATH = "/chat/completions"
_LEAST = 1.0  # seconds that must be left for a canary, or this share of a shorter timeout:
_SHARE = 0.5
_MOST_BODY = 262_144
_LABEL = Text("canary")
_FAILED = "checks_since_failed_canary"  # in the memory of a check
_UNREADABLE = Text("its note could not be read, and was begun anew")


class Settings(_llm_answers.Server, Protocol):
    """What is to be known of a canary: keys of `llm.Settings`."""

    @property
    def api_key(self) -> str | None: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def model(self) -> str | None: ...

    @property
    def canary_every(self) -> float: ...

    @property
    def budget_per_day(self) -> int: ...

    @property
    def first_token_warn(self) -> float: ...

    @property
    def limit_key(self) -> str: ...


def with_canary(settings: Settings, context: CheckContext, reading: Reading, request: Request, ends: float) -> Reading:
    """The reading of `/models`, with what the canary shows: a new one where it is due and there is time until `ends`
    (time.monotonic()), else the last one while it stands. Raises Unobservable."""
    if context.note is None:
        return _saying(reading, Text("none is sent in a check that keeps no notes"))
    least = min(_LEAST, _SHARE * context.timeout)
    try:
        with note.held(context.note) as held:
            kept = _read(held, context)
            when = canary.when(kept, context.now, _pace(settings, context, kept), settings.budget_per_day)
            due = when == "due" and ends - time.monotonic() >= least
            if due:
                kept = canary.sent(kept, context.now)
            if due or held.unreadable:
                held.save(canary.to_json(kept))
    except OSError as error:
        why = plain.system_words(error.strerror or str(error))
        raise Unobservable(Text("no canary is sent: its note cannot be kept: {why}", why=why)) from None
    if due:
        return _sent(settings, context, reading, request, kept, ends)
    remark = _remark(settings, kept, when, context.now)
    if canary.failing(kept) is not None:
        return _not_recovered(context, reading, kept, remark)
    return _with_verdict(reading, kept, canary.standing(kept, context.now, settings.canary_every), context.now, remark)


def limited(context: CheckContext, reading: Reading, response: Response) -> Reading:
    """The reading of `/models` where that is not healthy. No canary is sent before the time that the answer asks for,
    if it does; and what only limits the rate has not recovered while the last canary failed."""
    told = _told(response, context.now) if response.status in (429, 503) else None
    if context.note is None or (told is None and reading.status in FAILURES):
        return reading
    with suppress(OSError), note.held(context.note) as held:
        kept = _read(held, context)
        if told is not None:
            kept = kept._replace(not_before=max(kept.not_before, context.now + told))
        if told is not None or held.unreadable:
            held.save(canary.to_json(kept))
        if canary.failing(kept) is not None and reading.status not in FAILURES:
            return _not_recovered(context, reading, kept, reading.error)
    return reading


def _read(held: note.Note, context: CheckContext) -> Note:
    """The note. One that nobody can read is begun anew as that of a canary just sent, which is counted. A failure that
    was not written down is known from the memory of the last check."""
    kept = canary.sent(Note(), context.now) if held.unreadable else canary.from_json(held.value)
    failed = _FAILED in context.memory
    if held.unreadable:
        return kept._replace(verdict=Verdict(context.now, "unhealthy" if failed else "unknown", _UNREADABLE))
    if failed and kept.at is not None and canary.unfinished(kept) and canary.failing(kept) is None:
        return kept._replace(verdict=Verdict(kept.at, "unhealthy", Text("what it has shown is lost")))
    return kept


def _pace(settings: Settings, context: CheckContext, kept: Note) -> float:
    """Seconds between canaries: none before a recovery step, which is not taken upon what an earlier one has shown."""
    last = canary.failing(kept)
    if last is not None and context.confirming:
        return 0.0
    own = last is not None and last.category == "process" and _is_own(settings)
    every, budget = settings.canary_every, settings.budget_per_day
    return canary.pace(kept, context.now, every, budget, own=own, checks=_checks(context))


def _checks(context: CheckContext) -> int:
    """How many checks there were since the last canary failed."""
    number = context.memory.get(_FAILED)
    return number if isinstance(number, int) else 0


def _is_own(settings: Settings) -> bool:
    return not settings.gateway and _llm_answers.is_here(settings)


def _sent(
    settings: Settings, context: CheckContext, reading: Reading, request: Request, kept: Note, ends: float
) -> Reading:
    """Send the canary that is counted in the note `kept`. Its failure is one of this check, and of no later one."""
    verdict, told = _send(settings, context, request, ends - time.monotonic())
    failed = canary.failing(kept)
    kept = kept._replace(not_before=context.now + told if told is not None else 0.0)
    if failed is None or verdict.status != "unknown":  # what could not be made does not show that a failure is over
        kept = kept._replace(verdict=verdict)
    _save_verdict(context.note or "", kept)
    if verdict.status == "unknown" and failed is not None:
        return _not_recovered(context, reading, kept, verdict.error)
    reading = _with_verdict(reading, kept, verdict, context.now, None)
    return reading._replace(memory={_FAILED: 0}) if verdict.status in FAILURES else reading


def _send(settings: Settings, context: CheckContext, request: Request, timeout: float) -> tuple[Verdict, float | None]:
    """Make the completion. Returns what it shows, and the seconds that the server asks to wait."""
    began = time.monotonic()
    stream = model_api.Completion()
    first: list[float] = []

    def enough(piece: bytes) -> bool:
        done = stream.feed(piece)
        if stream.begun and not first:
            first.append(time.monotonic() - began)
        return done

    body = json_text(model_api.completion(settings.model or "", settings.limit_key)).encode()
    response = _llm_answers.exchange(
        request._replace(
            method="POST",
            body=body,
            headers=(*request.headers, ("Content-Type", "application/json")),
            max_body=_MOST_BODY,
            enough=enough,
        ),
        timeout,
    )
    if not stream.seen and stream.error is None and response.fault is None:
        stream.take(model_api.parse(response.body))  # of a server that does not stream
    verdict = _verdict(settings, context.now, response, stream, first[0] if first else None)
    hidden = worth_hiding([settings.api_key or "", *settings.headers.values()])
    error = None if verdict.error is None else redact(verdict.error, hidden)  # the note is a file
    return verdict._replace(error=error), _told(response, context.now)


def _verdict(
    settings: Settings, now: float, response: Response, stream: model_api.Completion, first: float | None
) -> Verdict:
    try:
        found = _llm_answers.failure(settings, response, _PATH)
    except Unobservable as error:
        return Verdict(now, "unknown", Text("{path}: {why}", path=_PATH, why=error.args[0]))
    if found is None and stream.error is not None:
        found = _llm_answers.in_stream(settings, stream.error, _PATH)
    if found is not None:
        # `error` says that nothing at all answered, and the list of models was answered just before.
        status: Status = "unhealthy" if found.status == "error" else found.status
        return Verdict(now, status, found.error, found.category, first)
    if not stream.seen:
        text = Text("{path}: the answer is no completion", path=_PATH)
        return Verdict(now, "unhealthy", text, "configuration")
    if stream.empty:
        text = Text("{path}: the completion is empty", path=_PATH)
        return Verdict(now, "degraded", text, "process" if _is_own(settings) else "provider")
    if first is not None and first > settings.first_token_warn:
        limit = settings.first_token_warn
        return Verdict(
            now, "degraded", Text("first token after {took:.1f} s (limit {limit:g} s)", took=first, limit=limit),
            "resource" if _is_own(settings) else "provider", first,
        )  # fmt: skip
    return Verdict(now, "healthy", first_token=first)


def _told(response: Response, now: float) -> float | None:
    given = next((value for name, value in headers(response.head) if name == "retry-after"), None)
    return model_api.retry_after(given, now) if response.status >= 400 else None


def _save_verdict(path: str, kept: Note) -> None:
    """Save what a canary has shown. Where that fails, the note says that it was sent, and nothing else."""
    with suppress(OSError), note.held(path) as held:
        if canary.from_json(held.value).at == kept.at:  # no other process has sent one since
            held.save(canary.to_json(kept))


def _remark(settings: Settings, kept: Note, when: canary.When, now: float) -> Text | None:
    """Why no canary is sent now, as far as a person wants to know."""
    if when == "budget":
        return Text("the budget of {n} canaries a day is spent", n=settings.budget_per_day)
    if when == "deferred":
        return Text("the server asked to wait for {span}", span=duration(kept.not_before - now))
    if when == "due":
        return Text("no time was left to send one")
    return Text("the last one was cut off before its end") if canary.unfinished(kept) else None


def _with_verdict(reading: Reading, kept: Note, verdict: Verdict | None, now: float, remark: Text | None) -> Reading:
    """The reading with the canary's verdict, which decides where there is one."""
    metrics = [Metric("canaries_today", canary.spent(kept, now))]
    if verdict is None or verdict.status == "unknown":
        why = verdict.error if verdict is not None else remark
        return _saying(
            reading, Text("only /models was checked: {why}", why=why or Text("no canary was sent yet")), metrics
        )
    age = now - verdict.at
    metrics.append(Metric("canary_age_seconds", age, metadata={"unit": "s"}))
    if verdict.first_token is not None:
        metrics.append(Metric("first_token_seconds", verdict.first_token, metadata={"unit": "s"}))
    error = verdict.error
    if age >= 1 and error is not None:
        error = Text("{said} (canary {age} ago)", said=error, age=duration(age))
    found = reading._replace(status=verdict.status, error=error, category=verdict.category)
    said = Text("{status}, {age} ago", status=verdict.status, age=duration(age))
    return _saying(found, joined([said, remark]) if remark else said, metrics)


def _not_recovered(context: CheckContext, reading: Reading, kept: Note, remark: str | None) -> Reading:
    """The reading between a failing canary and the next one: that failure has counted, and `/models` shows no end."""
    last = canary.failing(kept)
    age = duration(max(0.0, context.now - last.at)) if last is not None else ""
    said = last.error if last is not None else None
    failed = Text("the last canary failed {age} ago: {said}", age=age, said=said or "")
    line = joined([remark, failed]) if remark else failed
    figures = [Metric("canaries_today", canary.spent(kept, context.now))]
    found = reading._replace(status="unknown", response_time=None, error=line, category=None)
    return _saying(found._replace(memory={_FAILED: _checks(context) + 1}), line, figures)


def _saying(reading: Reading, text: str, metrics: list[Metric] | None = None) -> Reading:
    evidence = {**reading.evidence, _LABEL: text}
    return reading._replace(evidence=evidence, metrics=(*reading.metrics, *(metrics or [])))
