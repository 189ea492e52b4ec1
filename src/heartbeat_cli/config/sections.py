"""The sections of the configuration file, besides components and channels: their keys, defaults, meaning and limits."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from heartbeat_cli.config.problems import Problems, format_value, suggestion
from heartbeat_cli.domain.plain import port
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import Seconds
from heartbeat_cli.domain.strategy import STRATEGIES
from heartbeat_cli.http import proxies

SQLITE = "sqlite:///"
_NO_NAMES: dict[str, str] = {}


class Heartbeat(Record):
    """Keys of `[heartbeat]`.

    include: further configuration files, as paths or globs relative to this file, read in sorted order; relative paths
        in them start from this file's folder, too
    store: where everything is kept, `postgresql://…` or `sqlite:///path`; default: SQLite in the state folder
    timezone: time zone of days and of shown times; default: this host's
    locale: language of messages and reports: en, zh-HK, or another there is a catalog of
    strategy: default interval and timeout until `heartbeat strategy set` overrides it: aggressive (15 s, timeout 3
        s), normal (30 s, 5 s) or conservative (60 s, 10 s)
    observer: name of this host in the store; default: its host name
    state_dir: folder of locks and local files; default: `$XDG_STATE_HOME/heartbeat`
    store_timeout: seconds the store may take to answer one statement
    reference: addresses (`host:port`) that answer, if only by refusing, whenever the network works; if every remote
        component (at least two) fails at once and these do, too, this host is cut off and the checks count as
        unknown; default: this host's name servers, else its gateway; an empty list turns it off
    remind_after: seconds after which people are reminded of a fault that nobody has acknowledged, then after twice
        that each time, at most a day; 0: never
    announce_acknowledgements: whether those who were notified of a fault are also notified, without a sound, that
        somebody has acknowledged or silenced it
    unobserved_after: checks with status `unknown` in a row until people are notified that the component is
        unobserved
    reopen_within: seconds within which a fault that returns is the same incident: one more line in the thread of its
        first message, and its end is reported once it has been healthy for as long; 0: each fault is a new incident
    templates: folder of your own templates of pages and messages; a file in it replaces the one of the same name
    ping_url: address of a dead-man's switch (Healthchecks or compatible) that notifies people if heartbeat itself
        no longer runs; each run reports there when it begins and how it ended; a secret; default: none
    ping_every: seconds between the pings of successful runs; default: every run
    proxy: proxy of channels and hooks, `http://host:port`, except for addresses of this host; `HTTP_PROXY` and the
        like are ignored, and `run` says so once a day while one is set; `none`: no proxy, and nothing is said;
        default: no proxy
    """

    include: tuple[str, ...] = ()
    store: str | None = None
    timezone: str | None = None
    locale: str = "en"
    strategy: str = "normal"
    observer: str | None = None
    state_dir: str | None = None
    store_timeout: Seconds = 3.0
    reference: tuple[str, ...] | None = None
    remind_after: Seconds = 14_400.0
    announce_acknowledgements: bool = True
    unobserved_after: int = 3
    reopen_within: Seconds = 300.0
    templates: str | None = None
    ping_url: str | None = None
    ping_every: Seconds | None = None
    proxy: str | None = None


class Recovery(Record):
    """Keys of `[recovery]`.

    mode: for components that do not say it themselves: on (restart automatically), ask (notify people, and wait for
        `heartbeat recover --component ID`) or off
    scripts: folder of the scripts that ladders name (`restart_<id>.sh`); default: none, so no script steps
    timeout: seconds one step may take
    verify_wait: seconds to wait within one pass for the check to succeed after a step
    startup_grace: seconds a restarted component has to come up before the next step is taken; if it was seen to
        need longer, it gets 1.5 times what it took, up to 15 minutes
    backoff: seconds before the same step is taken again; doubled each time
    steady_after: seconds that a component must stay healthy until its next fault begins without backoff
    budget: automatic steps for one component within budget_window; then people are notified and nothing is done
        until rearm seconds have passed without a step
    budget_window: seconds over which steps are counted
    host_budget: automatic steps on this host, over all components, within budget_window
    rearm: seconds without a step after which a ladder that is used up, or a budget that is spent, starts anew
    """

    mode: Literal["off", "ask", "on"] = "on"
    scripts: str | None = None
    timeout: Seconds = 30.0
    verify_wait: Seconds = 8.0
    startup_grace: Seconds = 60.0
    backoff: Seconds = 60.0
    steady_after: Seconds = 300.0
    budget: int = 5
    budget_window: Seconds = 3_600.0
    host_budget: int = 20
    rearm: Seconds = 14_400.0


class Retention(Record):
    """Keys of `[retention]`.

    heartbeats_days: days that single heartbeats are kept
    metrics_days: days that metrics are kept
    rollups_days: days that hourly figures of both are kept; reports of earlier days are made from them
    incidents_days: days that incidents, alerts and recovery attempts are kept
    """

    heartbeats_days: int = 90
    metrics_days: int = 30
    rollups_days: int = 400
    incidents_days: int = 730


class Report(Record):
    """Keys of `[report]`.

    target: target availability in percent
    channels: ids of the channels that `report --send` uses; default: all
    """

    target: float = 99.9
    channels: tuple[str, ...] | None = None


class Dashboard(Record):
    """Keys of `[dashboard]`.

    file: where `heartbeat run` writes the page; default: nowhere
    badges: folder for SVG badges with the state and the availability of 30 days: `_all.svg`, and one for each
        component
    public: whether other users of this host, such as a web server, may read the page and the badges
    title: heading of the page
    interval: seconds after which `run` writes the page again even if nothing changed
    """

    file: str | None = None
    badges: str | None = None
    public: bool = False
    title: str = "heartbeat"
    interval: Seconds = 60.0


class StatusPage(Record):
    """Keys of `[status_page]`.

    file: where `heartbeat run` writes a page that everybody may see, with `feed.atom` and `status.json` beside it, when
        something changed or the interval of `[dashboard]` is over; default: nowhere
    url: address at which the page is published, for the links and ids of the feed
    title: heading of the page; default: Status, in the language of the page
    components: ids, kinds or globs of the components that it shows, in this order; default: all but those that a block
        with `match` finds
    names: public names by id of the component, as in { db = "Storage" }; default: the component's own
    """

    file: str | None = None
    url: str | None = None
    title: str | None = None
    components: tuple[str, ...] | None = None
    names: dict[str, str] = _NO_NAMES


SECTIONS = {
    "heartbeat": Heartbeat,
    "recovery": Recovery,
    "retention": Retention,
    "report": Report,
    "dashboard": Dashboard,
    "status_page": StatusPage,
}

YEAR = 31_536_000
_PING_URL = r"(?i)https?://[^\s/?#]+[^\s\x7f]*"
SECTION_LIMITS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "heartbeat": {
        "ping_every": (1, 86_400),
        "store_timeout": (0.1, 600),
        "remind_after": (0, YEAR),
        "unobserved_after": (1, 1_000),
        "reopen_within": (0, 3_600),
    },
    "recovery": {
        "timeout": (0.1, 600),
        "verify_wait": (0, 600),
        "startup_grace": (0, 86_400),
        "backoff": (0, 86_400),
        "steady_after": (0, 86_400),
        "budget": (1, 1_000),
        "budget_window": (1, 86_400),
        "host_budget": (1, 100_000),
        "rearm": (1, 86_400),
    },
    "retention": dict.fromkeys(Retention._fields, (1, 36500)),
    "report": {"target": (0, 100)},
    "dashboard": {"interval": (0, 86_400)},
    "status_page": {},
}
CHANNEL_LIMITS: Mapping[str, tuple[float, float]] = {
    "rate": (0.01, 10_000),
    "fallback_after": (0, 86_400),
    "escalate_after": (0, YEAR),
}


def check_section(name: str, section: Any, problems: Problems) -> None:
    """What types cannot say of a section: its numbers keep their limits, its texts say something that can be used."""
    check_values(section, name, SECTION_LIMITS[name], problems)
    if isinstance(section, Heartbeat):
        _check_heartbeat(section, problems)


def check_values(values: Any, where: str, limits: Mapping[str, tuple[float, float]], problems: Problems) -> None:
    """Numbers within `limits` (both ends belong to them), texts neither empty nor of several lines."""
    for key, value in values._asdict().items():
        if isinstance(value, str) and not (value.strip() and value.isprintable()):
            problems.add(f"{where}.{key}", "expected some text on one line")
        elif key in limits and value is not None and not limits[key][0] <= value <= limits[key][1]:
            low, high = limits[key]
            problems.add(f"{where}.{key}", f"expected {low:,} to {high:,}, got {value:,.10g}")


def _check_heartbeat(section: Heartbeat, problems: Problems) -> None:
    if section.timezone is not None and not zone_exists(section.timezone):
        problems.add(
            "heartbeat.timezone", f"no such time zone: {format_value(section.timezone)} (as in Asia/Hong_Kong, UTC)"
        )
    if section.strategy not in STRATEGIES:
        known = suggestion(section.strategy, STRATEGIES)
        problems.add("heartbeat.strategy", f"unknown strategy {format_value(section.strategy)}{known}")
    if section.locale != "en":
        _check_locale(section.locale, problems)
    for address in section.reference or ():
        host, _, number = address.rpartition(":")
        if not host or port(number) is None:
            problems.add("heartbeat.reference", f"expected host:port, as in 9.9.9.9:53; got {format_value(address)}")
    if section.ping_url is not None and not re.fullmatch(_PING_URL, section.ping_url):
        problems.add("heartbeat.ping_url", "expected http://host/path or https://host/path")
    if section.proxy is not None and (trouble := proxies.problem(section.proxy)):
        problems.add("heartbeat.proxy", trouble)
    if section.store is not None and (trouble := _store_problem(section.store)):
        problems.add("heartbeat.store", trouble)


def _check_locale(locale: str, problems: Problems) -> None:
    """Whether there is a catalog of that language: English needs none, and does not ask."""
    from heartbeat_cli.i18n import catalogs

    if not catalogs.available(locale):
        known = catalogs.locales()
        found = f"expected one of {', '.join(known)}, got {format_value(locale)}{suggestion(locale, known, few=0)}"
        problems.add("heartbeat.locale", found)


def zone_exists(name: str) -> bool:
    """Whether this is the name of a time zone that times can be shown in."""
    if ".." in name or name.startswith("/"):
        return False
    with suppress(OSError, ValueError), open(f"/usr/share/zoneinfo/{name}", "rb") as file:
        return file.read(4) == b"TZif"  # other files lie there too
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def host_timezone() -> str:
    """This host's zone by name: $TZ, or where /etc/localtime points, or what /etc/timezone says, else UTC."""
    named = [os.environ.get("TZ", "").lstrip(":")]
    with suppress(OSError):
        named.append(os.readlink("/etc/localtime").partition("zoneinfo/")[2])
    with suppress(OSError, UnicodeDecodeError):
        named.append(Path("/etc/timezone").read_text(encoding="ascii").strip())
    return next((name for name in named if name and zone_exists(name)), "UTC")


def _store_problem(store: str) -> str | None:
    if store.startswith(SQLITE):
        return None if store.removeprefix(SQLITE).strip("/") else f"{SQLITE} wants the path of a file"
    if not store.startswith(("postgresql://", "postgres://")):
        return "expected postgresql://… or sqlite:///path"
    from heartbeat_cli.postgres import libpq
    from heartbeat_cli.postgres.driver import driver

    psycopg2 = driver()
    with suppress(psycopg2.Error):  # what it says may hold half of a password
        parts = psycopg2.extensions.parse_dsn(store)
        if "@" not in parts.get("host", "")[1:] + parts.get("dbname", ""):
            return None if libpq.ports_fit(parts) else f"cannot be read: {libpq.PORTS}"
    return "is not a PostgreSQL URL: in a password, write @ as %40, / as %2F, : as %3A and % as %25"
