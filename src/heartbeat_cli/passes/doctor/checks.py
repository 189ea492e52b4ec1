"""Is everything there that heartbeat needs? The checks behind `heartbeat doctor`: nothing is kept, sent or restarted.

Each function checks one thing and gives findings. What recovery needs is checked in `permissions`.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.component import Component, watched_by
from heartbeat_cli.domain.finding import Finding, Level
from heartbeat_cli.domain.kinds import health_body
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.strategy import STRATEGIES
from heartbeat_cli.domain.text import Text, listed
from heartbeat_cli.errors import HeartbeatError, StoreError, Unobservable
from heartbeat_cli.http import proxies
from heartbeat_cli.passes.check import engine
from heartbeat_cli.redact import redact

_LEVELS: dict[str, Level] = {"healthy": "ok", "degraded": "warn", "unhealthy": "warn", "error": "bad", "unknown": "bad"}
_ADVICE = {
    "degraded": Text("it answers; see what it warns of"),
    "unhealthy": Text("it can be asked, and is not well: see to it"),
    "error": Text("is it running, and is this the right address?"),
    "unknown": Text("heartbeat could not look: mend this, or change the component's settings"),
}
_SHOWN_KEYS = ("unit", "host", "port", "dsn", "container", "period", "mounts")


class _RollBack(Exception):
    """Ends the trial write without keeping it."""


def warnings(config: Config) -> Iterator[Finding]:
    """What the configuration may hold and that cannot work as it was meant."""
    from heartbeat_cli.config import unused, warnings

    by_advice: dict[str, list[warnings.Remark]] = {}
    for one in (*warnings.remarks(config), *(warnings.Remark(*block) for block in unused.blocks(config))):
        by_advice.setdefault(one.advice, []).append(one)
    for advice, found in by_advice.items():
        for line in warnings.located_lines(config, ((one.key, one.text) for one in found)):
            yield Finding("config", "warn", _in_words(line, (one.text for one in found)), advice)


def _in_words(line: str, texts: Iterable[str]) -> str:
    """A line about a place in a file, with the sentence in it as the sentence it is."""
    for text in texts:
        where, found, rest = line.partition(f": {text}")
        if found:
            said = Text("{where}: {text}", where=where, text=text)
            return Text("{text} {remark}", text=said, remark=rest.strip()) if rest else said
    return line


def configuration(config: Config, path: Path | None) -> Iterator[Finding]:
    count = listed(
        [
            Text.counted(len(config.components), "{n} component", "{n} components"),
            Text.counted(len(config.channels), "{n} channel", "{n} channels"),
        ]
    )
    if path is None:
        advice = Text("`heartbeat init --discover` writes a file to build on")
        yield Finding("config", "ok", Text("no configuration file, so the built-in one: {count}", count=count), advice)
        return
    yield Finding("config", "ok", Text("{path}: {count}", path=str(path), count=count))
    for line in config.unresolved:
        yield Finding("config", "bad", line, Text("until then what it belongs to is neither looked at nor used"))
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    if mode & 0o007 and any(secret in text for secret in config.secrets):
        advice = Text("chmod o= {path}; better, put the secrets into files of their own and write file:PATH")
        advice = advice.with_values(path=quote(str(path)))
        yield Finding(
            "config", "warn", Text("{path} holds secrets and can be read by every user", path=str(path)), advice
        )


def plug_ins(config: Config) -> Iterator[Finding]:
    """The plug-ins that the configuration uses, and of which packages they are; one that cannot be used is told of as
    the configuration's."""
    wanted = {("monitors", one.kind) for one in config.components.values()}
    wanted |= {("actions", step.action) for one in config.components.values() for step in one.plan.ladder}
    wanted |= {("channels", one.kind) for one in config.channels.values()}
    for package, kind in sorted(wanted):
        module = plugins.load(package, kind)
        if (plugin := getattr(module, "PLUGIN", None)) is not None and not hasattr(module, "BROKEN"):
            text = Text(
                "{kind}: {module} of the package {origin}", kind=kind, module=plugin.module, origin=plugin.origin
            )
            yield Finding("plug-in", "ok", text)


def store(opened: Any, where: str) -> Iterator[Finding]:
    """`opened` is the context manager that connects and migrates."""
    from heartbeat_cli.passes.doctor import store_server
    from heartbeat_cli.store.sql import preferences

    where = redact(where)
    begun = time.monotonic()
    try:
        with opened as db:
            ready = time.monotonic()
            db.rows("SELECT version FROM heartbeat_schema")
            asked = time.monotonic()
            try:
                with db.transaction():
                    preferences.put(db, "doctor", "trial write")
                    raise _RollBack
            except _RollBack:
                pass
            text = Text(
                "{where}: opened in {opened:.0f} ms, a query takes {asked:.1f} ms, the tables are there and can be"
                " written",
                where=f"{where}: {db.server}" if db.server else where,
                opened=(ready - begun) * 1000,
                asked=(asked - ready) * 1000,
            )
            yield Finding("store", "ok", text)
            yield from store_server.findings(db)
    except StoreError as error:
        yield Finding("store", "bad", str(error), _store_advice(where, str(error)))
    except HeartbeatError as error:
        why, _, mend = str(error).rpartition("; ")
        yield Finding("store", "bad", Text("not opened: {why}", why=why), mend)


def _store_advice(where: str, said: str) -> str:
    if "read-only transaction" in said or "session is read-only" in said:
        return Text(
            "that is a standby, or made read-only: the address must name the primary, or all hosts it may be on"
        )
    if "not a database" in said or "malformed" in said:
        return Text("move the file away and restore a backup; else the next pass begins a new one, without the history")
    if where.startswith("sqlite"):
        return Text("its folder must be there and writable to this user, with room on the disk")
    return Text("PostgreSQL must run, let this role in, and allow it to create tables in the database")


def state_folder(config: Config) -> Iterator[Finding]:
    from heartbeat_cli.config import places
    from heartbeat_cli.passes.doctor import owners, standby
    from heartbeat_cli.passes.housekeeping import lock_held
    from heartbeat_cli.system import lock

    folder = places.config_folder(config)
    whose = list(owners.state(config))
    yield from whose
    if whose:
        return
    try:
        with lock.only_one(folder):
            yield Finding("state", "ok", Text("{folder}: is writable, and the lock is free", folder=str(folder)))
    except lock.Busy as busy:
        if lock_held.too_long(config, busy):
            yield Finding("state", "bad", lock_held.reason(config, busy), lock_held.remedy(busy))
        else:
            yield Finding("state", "ok", Text("{folder}: is writable; {busy}", folder=str(folder), busy=str(busy)))
    except HeartbeatError as error:
        advice = Text("mkdir -p {state_dir} and make it belong to this user", state_dir=str(config.state_dir))
        yield Finding("state", "bad", str(error), advice)
    yield from standby.findings(config)


def components(config: Config, now: float) -> Iterator[Finding]:
    """The check of each component of this host, once: what was asked, and what came back."""
    pace = STRATEGIES[config.heartbeat.strategy]
    asked = [
        engine.Asked(one, CheckContext(one.id, one.timeout(pace), now))
        for one in config.components.values()
        if watched_by(one, config.observer) and not getattr(plugins.load("monitors", one.kind), "WANTS_BEATS", False)
    ]
    longest = max((one.context.timeout for one in asked), default=0.0)
    readings = engine.run_checks(asked, time.monotonic() + longest + 1.0)
    for one in config.components.values():
        if not watched_by(one, config.observer):
            yield Finding(
                Text("component {id}", id=one.id),
                "ok",
                Text("{observer} looks at it, not this host", observer=one.common.observer),
            )
        elif one.id in readings:
            yield _component(config, one, readings[one.id], now)
        else:
            yield Finding(
                Text("component {id}", id=one.id), "ok", Text("reports its own life (`heartbeat beat {id}`)", id=one.id)
            )


def _component(config: Config, one: Component, reading: Reading, now: float) -> Finding:
    text: str = Text(
        "{kind}, {asked}: {status}", kind=one.kind, asked=asked_what(one, now), status=Text(reading.status)
    )
    if reading.response_time is not None:
        text = Text("{text} in {seconds:.3f} s", text=text, seconds=reading.response_time)
    if reading.error:
        text = Text("{text}: {said}", text=text, said=reading.error)
    text = redact(one_line(text, 500), config.secrets)
    if reading.status == "healthy" and _is_page(one, reading):
        said = Text("what answers is a page for people, and may answer so on every path, whatever is wrong")
        advice = Text("use the path that speaks of health, or say what must be in it (expect, checks)")
        return Finding(Text("component {id}", id=one.id), "warn", Text("{text}; {said}", text=text, said=said), advice)
    return Finding(Text("component {id}", id=one.id), _LEVELS[reading.status], text, _ADVICE.get(reading.status, ""))


def _is_page(one: Component, reading: Reading) -> bool:
    """Whether a health address without a rule of its own gives an HTML page."""
    if one.kind != "agent" or one.settings.expect != "auto" or getattr(one.settings, "checks", ()):
        return False
    return health_body.is_page(str(reading.evidence.get("body", "")))


def asked_what(one: Component, now: float) -> str:
    """What a check of this component asks, in a few words."""
    module = plugins.load("monitors", one.kind)
    if one.broken:
        return Text("nothing asked")
    if hasattr(module, "request"):
        try:
            request = module.request(one.settings, CheckContext(one.id, 1.0, now))
        except Unobservable:
            return Text("nothing asked")
        asked = f"{request.method} {request.url}"
        if request.unix_socket:
            return Text("{asked} over {socket}", asked=asked, socket=request.unix_socket)
        return asked
    values = one.settings._asdict()
    if one.kind == "command":
        return str(values["command"][0])
    shown = [f"{key} {values[key]}" for key in _SHOWN_KEYS if values.get(key)]
    host = getattr(module, "host_of", lambda _: None)(one.settings)
    return ", ".join(shown) or host or Text("this host")


def proxy(config: Config, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Which proxy is used, where there is one or the environment names one."""
    if text := proxies.ignored(config.heartbeat.proxy, environment):
        yield Finding("proxy", "warn", text, proxies.ADVICE)
    elif config.heartbeat.proxy not in (None, proxies.NONE):
        yield Finding(
            "proxy", "ok", Text("channels and hooks go through {proxy}", proxy=redact(str(config.heartbeat.proxy)))
        )


def channels(config: Config) -> Iterator[Finding]:
    if not config.tables.get("channels"):
        advice = Text("add a [channels.…] section; `heartbeat kinds` shows the kinds")
        yield Finding("channels", "warn", Text("none: alerts go to standard error, which cron mails if it can"), advice)
        return
    for one in config.channels.values():
        if one.broken:
            yield Finding(Text("channel {id}", id=one.id), "bad", one.broken, Text("its alerts wait until then"))
            continue
        text = Text(
            "{kind}, settings are fine; nothing was sent (`heartbeat notify --test {id}` does)",
            kind=one.kind,
            id=one.id,
        )
        yield Finding(Text("channel {id}", id=one.id), "ok", text)


def time_zone(config: Config, now: float) -> Iterator[Finding]:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    shown = datetime.fromtimestamp(now, ZoneInfo(config.timezone)).strftime("%Y-%m-%d %H:%M:%S %Z")
    origin = config.timezone
    if not config.heartbeat.timezone:
        origin = Text("{timezone} (this host's)", timezone=config.timezone)
    text = Text("{timezone}: it is {shown} there; days are cut at its midnight", timezone=origin, shown=shown)
    yield Finding("timezone", "ok", text)
