"""Repeating moments on a wall clock: the five fields of crontab(5), and which moment a local time is.

A local time that a zone skips (clocks go forward) is the first moment after the gap; one that happens twice (clocks go
back) is the first of the two.

Not cronsim: there a schedule with `*` in its minutes or hours skips what clocks skip and begins twice in an hour that
comes twice, `fri-sun` is an error, and no error says what was expected.
"""

from datetime import date, datetime, time, timedelta, tzinfo

from heartbeat_cli.domain.plain import whole
from heartbeat_cli.domain.record import Record

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class _Field(Record):
    name: str
    low: int
    high: int
    names: list[str]


# Sunday may be written 7, too (crontab(5)).
_FIELDS = (
    _Field("minute", 0, 59, []),
    _Field("hour", 0, 23, []),
    _Field("day of the month", 1, 31, []),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _DAYS),
)


class Schedule(Record):
    """When something begins: local times of day (hour, minute; ascending) on the days that fit. Sunday is 0. `either`:
    both kinds of day are restricted, and then one of them is enough, as crontab(5) has it."""

    text: str
    times: tuple[tuple[int, int], ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def on(self, day: date) -> bool:
        """Whether anything begins on this day."""
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (in_month or in_week) if self.either else (in_month and in_week)

    @property
    def possible(self) -> bool:
        """Whether there is such a day at all: 30 February is none."""
        return self.either or any(min(self.days) <= _LONGEST[month - 1] for month in self.months)


def parse(text: str) -> Schedule:
    """The schedule that five fields name. Raises ValueError with what is wrong."""
    words = text.lower().split()
    if len(words) != len(_FIELDS):
        raise ValueError(f"expected five fields (minute hour day month weekday), got {len(words)}")
    minutes, hours, days, months, weekdays = (_numbers(word, of) for word, of in zip(words, _FIELDS, strict=True))
    return Schedule(
        text=" ".join(words),
        times=tuple((hour, minute) for hour in sorted(hours) for minute in sorted(minutes)),
        days=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        either=not words[2].startswith("*") and not words[4].startswith("*"),
    )


def _numbers(word: str, field: _Field) -> frozenset[int]:
    """`*`, `5`, `1-5`, `mon-fri`, `*/15`, `10-40/10`, and lists of these."""
    found: set[int] = set()
    for part in word.split(","):
        span, slash, step = part.partition("/")
        low, dash, high = span.partition("-")
        if span == "*":
            first, last = field.low, min(field.high, 6) if field.names is _DAYS else field.high
        else:
            first = _number(low, field)
            last = _number(high, field) if dash else field.high if slash else first
            if dash and last == 0 and field.names is _DAYS:
                last = 7  # fri-sun
        every = whole(step) if slash else 1
        if not every:
            raise ValueError(f"{field.name}: {part!r}: expected a step as in */15")
        if first > last:
            raise ValueError(f"{field.name}: {part!r} goes backwards")
        found |= set(range(first, last + 1, every))
    return frozenset(found)


def _number(word: str, field: _Field) -> int:
    if word in field.names:
        return field.names.index(word) + (0 if field.names is _DAYS else 1)
    number = whole(word, field.high)
    if number is None or number < field.low:
        raise ValueError(f"{field.name}: expected {field.low} to {field.high}, got {word!r}")
    return number


def epoch(local: datetime, zone: tzinfo) -> float:
    """The moment (seconds since the epoch) at which clocks in `zone` show `local` for the first time, or first show a
    later time, where they never show it."""
    early, late = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    # PEP 495: in a gap fold=0 goes by the offset before it and fold=1 by the one after it.
    before, after = _offset(early), _offset(late)
    if after <= before:
        return early.timestamp()
    low, high = int(late.timestamp()) - 1, int(early.timestamp()) + 1
    while low < high:
        middle = (low + high) // 2
        if _offset(datetime.fromtimestamp(middle, zone)) == before:
            low = middle + 1
        else:
            high = middle
    return float(low)


def _offset(at: datetime) -> timedelta:
    return at.utcoffset() or timedelta()


def last_start(schedule: Schedule, now: float, zone: tzinfo, back: float) -> float | None:
    """The newest beginning that is not after `now`, looked for at least `back` seconds back."""
    here = datetime.fromtimestamp(now, zone).date() + timedelta(days=1)  # clocks may have gone back over midnight
    for ago in range(int(back // 86_400) + 4):
        day = here - timedelta(days=ago)
        if not schedule.on(day) or _begins(day, schedule.times[0], zone) > now:
            continue
        for moment in reversed(schedule.times):
            if (start := _begins(day, moment, zone)) <= now:
                return start
    return None


def next_start(schedule: Schedule, now: float, zone: tzinfo) -> float | None:
    """The first beginning after `now`; None when there is none in the next eight years."""
    here = datetime.fromtimestamp(now, zone).date()
    for ahead in range(8 * 366):
        day = here + timedelta(days=ahead)
        if schedule.on(day):
            for moment in schedule.times:
                if (start := _begins(day, moment, zone)) > now:
                    return start
    return None


def _begins(day: date, moment: tuple[int, int], zone: tzinfo) -> float:
    return epoch(datetime.combine(day, time(*moment)), zone)
