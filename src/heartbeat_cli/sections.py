"""The sections of the configuration file, besides components and channels: their keys, defaults and meaning."""

from typing import Literal, NamedTuple


class Heartbeat(NamedTuple):
    """Keys of `[heartbeat]`.

    store: where everything is kept, `postgresql://…` or `sqlite:///path`; default: SQLite in the state folder
    timezone: zone that days and shown times are cut by; default: this host's
    locale: language of messages and reports
    strategy: how eagerly to look until `heartbeat strategy set` says otherwise: aggressive every 15 s with
        3 s timeout, normal 30 s and 5 s, conservative 60 s and 10 s
    observer: name of this host in the store; default: its host name
    state_dir: folder of locks and local files; default: $XDG_STATE_HOME/heartbeat
    store_timeout: seconds the store may take to answer one statement
    templates: folder of your own page templates and styles; a file in it replaces the one of the same name
    """

    store: str | None = None
    timezone: str | None = None
    locale: Literal["en", "zh-HK"] = "en"
    strategy: str = "normal"
    observer: str | None = None
    state_dir: str | None = None
    store_timeout: float = 3.0
    templates: str | None = None


class Recovery(NamedTuple):
    """Keys of `[recovery]`.

    mode: what components do that do not say it themselves: on (restart by itself), ask (tell, and wait for
        `heartbeat recover --component ID`), off
    scripts: folder of the scripts that ladders name (`restart_<id>.sh`); default: none, so no script rungs
    timeout: seconds one rung may take
    verify_wait: seconds to wait within one pass for the component to be well again after a rung
    startup_grace: seconds a restarted component may take to come up before the next rung is tried
    """

    mode: Literal["off", "ask", "on"] = "on"
    scripts: str | None = None
    timeout: float = 30.0
    verify_wait: float = 8.0
    startup_grace: float = 60.0


class Retention(NamedTuple):
    """Keys of `[retention]`.

    heartbeats_days: days that single heartbeats are kept
    metrics_days: days that metrics are kept
    incidents_days: days that incidents, alerts and recovery attempts are kept
    """

    heartbeats_days: int = 90
    metrics_days: int = 30
    incidents_days: int = 730


class Report(NamedTuple):
    """Keys of `[report]`.

    target: availability aimed at, in percent
    channels: ids of the channels that `report --send` uses; default: all
    """

    target: float = 99.9
    channels: tuple[str, ...] | None = None


class Dashboard(NamedTuple):
    """Keys of `[dashboard]`.

    file: where `heartbeat run` writes the page; default: nowhere
    title: heading of the page
    interval: seconds after which `run` writes the page anew even when nothing changed
    """

    file: str | None = None
    title: str = "heartbeat"
    interval: float = 60.0


SECTIONS = {
    "heartbeat": Heartbeat,
    "recovery": Recovery,
    "retention": Retention,
    "report": Report,
    "dashboard": Dashboard,
}
