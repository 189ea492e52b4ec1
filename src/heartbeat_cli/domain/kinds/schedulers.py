"""Judges what starts heartbeat: is it alive, and does anybody get what a run prints? For `heartbeat doctor` and
`heartbeat init`; `schedulers.py` collects the facts."""

from collections.abc import Iterable, Iterator, Sequence
from shlex import quote

from heartbeat_cli.domain.checking.coverage import Watch, is_late
from heartbeat_cli.domain.finding import Finding
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, listed

START_CRON = Text(
    "start it: `systemctl enable --now cron` (Red Hat: crond) or `service cron start`; in a container it must be a"
    " process of its own, or something outside must start `heartbeat run`"
)
ADD_CHANNEL = Text(
    "add a channel that reaches you (`heartbeat kinds telegram` and `heartbeat kinds email` show the keys of"
    " [channels.…])"
)
ADD_MTA = Text("install a mail transfer agent (`apt install msmtp-mta`, `dnf install msmtp`, `apk add msmtp`)")
_AHEAD = 60.0  # seconds that the last pass may lie ahead of now


class Timer(Record):
    """A systemd timer that starts heartbeat; `user`: of this user's own manager. `made_for`: what of the configuration
    its service was made for, where `heartbeat timer` made it for this user. `gives_folders_to`: the user to whom its
    service, made by an earlier version, gives folders that he chooses; "" for none."""

    name: str
    active: bool
    user: bool = False
    made_for: str = ""
    gives_folders_to: str = ""


class Starters(Record):
    """What is set to start heartbeat: the crontab of this user, or one of the system's ("" is none), and timers; the
    cron daemon that runs ("" is none), and whether it would be seen if there were one."""

    crontab: str = ""
    timers: Sequence[Timer] = ()
    daemon: str = ""
    sees_all: bool = True

    @property
    def active(self) -> list[Timer]:
        return [one for one in self.timers if one.active]


class Mailer(Record):
    """How cron would mail what a job prints: the program, and why it mails nothing ("" where it does)."""

    program: str
    lacking: str = ""


def comes(watch: Watch | None, now: float) -> bool:
    """Whether passes are started automatically: the last one was in time, and so was the one before it. A pass by hand
    after hours without any does not count."""
    if watch is None or is_late(watch.started, now, watch.every):
        return False
    return watch.gap is None or watch.gap[1] < watch.started


def scheduler(seen: Starters, watch: Watch | None, now: float) -> Iterator[Finding]:
    """Is what should start heartbeat alive?"""
    come = comes(watch, now)
    for one in seen.active:
        yield Finding("scheduler", "ok", Text("the systemd timer {name} is active", name=one.name))
    yield from _twice(seen)
    if seen.crontab and seen.daemon:
        yield Finding("scheduler", "ok", Text("cron runs ({daemon})", daemon=seen.daemon))
    elif seen.crontab and not seen.active:
        yield _without_daemon(seen, come)
    elif not seen.crontab and not seen.active:
        yield from _unset(seen, come)


def _twice(seen: Starters) -> Iterator[Finding]:
    """Harmless, since passes do not overlap, but every other start is for nothing."""
    starters = [one.name for one in seen.active]
    starters += [seen.crontab] if seen.crontab and (seen.daemon or not seen.sees_all) else []
    if len(starters) > 1:
        text = Text("{starters} both start heartbeat: it runs twice", starters=listed(starters))
        advice = Text(
            "one is enough, since passes do not overlap: `heartbeat crontab --remove`, or `heartbeat timer --remove`"
            " (a user's own: with --user)"
        )
        yield Finding("scheduler", "warn", text, advice)


def outdated(seen: Starters, made_for: str) -> Iterator[Finding]:
    """Was the timer made for the configuration as it is, and by a version whose units are safe? `made_for`: what it
    would be made for now."""
    for one in seen.timers:
        if one.gives_folders_to:
            yield _unsafe(one)
        elif one.made_for and one.made_for != made_for:
            text = Text("{name} was made for other settings: interval, recovery steps or files", name=one.name)
            command = f"heartbeat timer --install{' --user' if one.user else ''}"
            yield Finding("timer", "warn", text, Text("`{command}` brings it up to date", command=command))


def _unsafe(one: Timer) -> Finding:
    text = Text(
        "{name} is out of date: by the StateDirectory= of its service {user} can become the owner of any folder",
        name=one.name,
        user=one.gives_folders_to,
    )
    command = f"sudo heartbeat timer --install --run-as {quote(one.gives_folders_to)}"
    return Finding("timer", "bad", text, Text("`{command}` brings it up to date", command=command))


def _without_daemon(seen: Starters, come: bool) -> Finding:
    if not seen.sees_all:
        text = Text("this user does not see the processes of others, so whether cron runs is not known")
        return (
            Finding("scheduler", "ok", Text("{text}; passes come", text=text))
            if come
            else Finding("scheduler", "warn", text)
        )
    if come:
        text = Text(
            "{crontab} starts heartbeat, but no cron daemon runs here; passes come all the same", crontab=seen.crontab
        )
        return Finding("scheduler", "warn", text, Text("something else starts them: one of the two is not needed"))
    text = Text(
        "{crontab} starts heartbeat, but no cron daemon (cron, crond) runs here: nothing starts it",
        crontab=seen.crontab,
    )
    return Finding("scheduler", "bad", text, START_CRON)


def _unset(seen: Starters, come: bool) -> Iterator[Finding]:
    for one in seen.timers:
        word = "systemctl --user" if one.user else "systemctl"
        text = Text("the systemd timer {name} is not active: nothing starts heartbeat", name=one.name)
        yield Finding("scheduler", "bad", text, f"`{word} enable --now {quote(one.name)}`")
    if come and not seen.timers:
        yield Finding(
            "scheduler", "ok", Text("no crontab or timer of this host, but passes come: they are started elsewhere")
        )


def last_pass(seen: Starters, watch: Watch | None, now: float) -> Iterator[Finding]:
    """When did the last pass start, and is the next one late?"""
    expected = bool(seen.crontab or seen.timers)
    if watch is None:
        if expected:
            advice = Text("wait for it, and look again; until it has come nothing is watched")
            yield Finding("last pass", "warn", Text("none has been made on this host yet"), advice)
        return
    age = now - watch.started
    if age < -_AHEAD:
        text = Text("the last one started {age} in the future: a clock was wrong, then or now", age=duration(-age))
        yield Finding("last pass", "warn", text, Text("set this host's clock (`timedatectl`), and keep it by NTP"))
    elif is_late(watch.started, now, watch.every):
        text = Text(
            "the last one started {age} ago; one is expected every {every}",
            age=duration(age),
            every=duration(watch.every),
        )
        yield Finding("last pass", "bad" if expected else "warn", text, _late_advice(seen))
    elif watch.gap is not None and watch.gap[1] >= watch.started:
        pause = duration(watch.gap[1] - watch.gap[0])
        text = Text(
            "the last one started {age} ago, after {pause} without any", age=duration(max(age, 0.0)), pause=pause
        )
        yield Finding(
            "last pass", "warn", text, Text("unless you started it by hand, that time was not watched; look again")
        )
    else:
        text = Text(
            "the last one started {age} ago; one is expected every {every}",
            age=duration(max(age, 0.0)),
            every=duration(watch.every),
        )
        yield Finding("last pass", "ok", text)


def _late_advice(seen: Starters) -> str:
    if seen.active:
        first = seen.active[0]
        unit = quote(first.name.removesuffix(".timer"))
        return Text(
            "`{command}` shows what its runs say", command=f"journalctl {'--user ' if first.user else ''}-u {unit}"
        )
    if seen.daemon:
        return Text(
            "run the crontab's line by hand and see what it says; `journalctl -u cron` shows whether cron started it"
        )
    return START_CRON if seen.crontab else Text("`heartbeat crontab --install`, or `heartbeat timer --install`")


def unheard(kinds: Iterable[str], mailer: Mailer, timer_only: bool = False) -> str:
    """Why no alert reaches a person when these are the kinds of all channels; "" when one may."""
    if any(kind != "console" for kind in kinds):
        return ""
    if timer_only:
        return Text("alerts are only printed, and what a systemd timer's run prints goes to the journal")
    return Text("alerts are only printed, and {lacking}", lacking=mailer.lacking) if mailer.lacking else ""


def mail(kinds: Iterable[str], mailer: Mailer, seen: Starters) -> Iterator[Finding]:
    """Does cron's mail work, where it is what people hear of heartbeat by?"""
    timer_only = bool(seen.active) and not seen.crontab
    why = unheard(kinds, mailer, timer_only)
    if why:
        advice = ADD_CHANNEL if timer_only else Text("{channel}, or {mta}", channel=ADD_CHANNEL, mta=ADD_MTA)
        yield Finding("mail", "bad", Text("{why}: no alert reaches a person", why=why), advice)
    elif timer_only:
        return
    elif mailer.lacking:
        text = Text(
            "{lacking}: what heartbeat itself has to say (a mistake in its configuration) is lost",
            lacking=mailer.lacking,
        )
        yield Finding("mail", "warn", text, ADD_MTA)
    else:
        yield Finding("mail", "ok", Text("cron mails what a run prints, by {program}", program=mailer.program))
