"""What is known of the main cause of a fault besides what its check saw, for the first lines of its message and for its
advice. Used by `facts`."""

import re
from collections.abc import Mapping
from typing import Any

from heartbeat_cli.domain.alerting.alert import Alert, family, is_about_fault
from heartbeat_cli.domain.kinds import certificates, main_cause
from heartbeat_cli.domain.kinds.container_past import STOPPED
from heartbeat_cli.domain.recovery.brakes import unheld
from heartbeat_cli.domain.text import Text, listed
from heartbeat_cli.views.answers import shell_word
from heartbeat_cli.views.fact_lines import as_list, cause_of, clock_time, number
from heartbeat_cli.views.voice import Voice
from heartbeat_cli.views.wording import local_time

Lines = dict[str, Any]

_STATES: dict[str, Text] = {str(one): one for one in (Text("active"), Text("idle"), Text("idle in transaction"))}
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_NUMBER = re.compile(r"[0-9]{1,5}")
_PORT = re.compile(r"//[^/]*:(\d{1,5})(?:/|$)")


def of_alert(alert: Alert, voice: Voice) -> Lines:
    """`main_cause` and `stopped`: each a finished line or ""; "" where the alert is about no fault."""
    if not is_about_fault(alert) or alert.details.get("again") is True:
        return {"main_cause": "", "stopped": ""}
    return {"main_cause": _main_cause(alert, voice), "stopped": _stopped(alert, voice)}


def topic(alert: Alert, voice: Voice) -> tuple[str, Mapping[str, str]]:
    """The topic of the advice that fits the main cause ("": none is known), and what its lines may name."""
    names = {"place": _place(alert), **_psql(alert, voice)}
    if family(alert.type) == "over":
        return "", names
    if list(as_list(alert.details.get("short_of"))) == ["space"]:
        names = {**names, "recover": _recover(alert, voice)}
        if (found := _folder(alert)) is None:
            return "disk_full", names
        return "folder_full", {**names, "folder": voice.clean(found.path, 160), "size": voice.clean(found.size, 20)}
    if alert.details.get("kind") == "docker" and not was_stopped(alert):
        return _killed(alert), {**names, **_around(alert, voice)}
    if (held := _holder(alert)) is not None:
        who = {"application": voice.clean(held.name, 63), "holder": voice.said(_who(held), 140)}
        topic_ = "database_held_idle" if held.state == "idle in transaction" else "database_held"
        if statement := main_cause.ending(held):
            return f"{topic_}_all", {**names, **who, "statement": statement}
        return topic_, {**names, **who}
    return "", names


def was_stopped(alert: Alert) -> bool:
    """Whether somebody has stopped it, by what holds a step back."""
    return says_stopped(alert.details.get("recovery"))


def says_stopped(held: object) -> bool:
    """Whether what holds a step back is that somebody has stopped the component."""
    return isinstance(held, str) and unheld(held).startswith(STOPPED.template.partition("{")[0])


def _main_cause(alert: Alert, voice: Voice) -> str:
    if (held := _holder(alert)) is not None:
        count = Text("{n} of {total} connections", n=held.held, total=held.used)
        of = [count, _STATES.get(held.state, held.state)] if held.state else [count]
        return voice.said(Text("Most are held by {holder}: {of}", holder=_who(held), of=listed(of)))
    if (found := _folder(alert)) is not None:
        words = Text("Largest: {folder}, {size} of {used} used on {point}")
        return voice.said(
            words.with_values(folder=found.path, size=found.size, used=found.used, point=found.point), 300
        )
    said = voice.clean(str(alert.details.get("failed_with") or ""), 200)
    return voice.said(Text("Recovery failed with: {said}", said=said), 300) if said else ""


def _holder(alert: Alert) -> main_cause.Holder | None:
    row = as_list(alert.details.get("holder"))
    if not 5 <= len(row) <= len(main_cause.Holder._fields):
        return None
    name, address, held, used, state, *named = row
    count, of = round(number(held) or 0), round(number(used) or 0)
    return main_cause.Holder(str(name), str(address), count, of, str(state), *map(str, named))


def _folder(alert: Alert) -> main_cause.Folder | None:
    row = [str(one) for one in as_list(alert.details.get("folder"))]
    return main_cause.Folder(*row) if len(row) == len(main_cause.Folder._fields) else None


def _who(held: main_cause.Holder) -> str:
    if held.address:
        return Text("{name} ({address})", name=held.name, address=held.address)
    return held.name


def _stopped(alert: Alert, voice: Voice) -> str:
    """When it stopped by Docker's record, where that was before the first failing check."""
    at, started = main_cause.ended(alert.details.get("evidence")), number(alert.details.get("started"))
    if at is None or started is None or at >= started or family(alert.type) not in ("down", ""):
        return ""
    return clock_time(at, alert, voice)


def _psql(alert: Alert, voice: Voice) -> Mapping[str, str]:
    """Where the superuser of a database gets in (`server`), and by which command (`psql`)."""
    host, port = ([*map(str, as_list(alert.details.get("server"))), "", ""])[:2]
    port = port if _NUMBER.fullmatch(port) and port != "5432" else ""
    local = not _HOST.fullmatch(host) or host == "localhost" or host.startswith("127.")
    words = Text("the database's host") if local else Text("the database's host ({host})", host=host)
    return {
        "server": voice.said(words),
        "psql": f"sudo -u postgres psql -p {port}" if port else "sudo -u postgres psql",
    }


def _killed(alert: Alert) -> str:
    """The topic of a container that was killed at a known moment, and not for want of memory; else ""."""
    evidence = alert.details.get("evidence")
    return "docker_killed" if main_cause.was_killed(evidence) and main_cause.ended(evidence) is not None else ""


def _around(alert: Alert, voice: Voice) -> Mapping[str, str]:
    """The minute before and after a container ended, as `journalctl` takes them."""
    at = main_cause.ended(alert.details.get("evidence"))
    if at is None:
        return {}
    edges = {"since": at - 60.0, "until": at + 60.0}
    return {name: f"'{local_time(edge, voice.timezone)} {voice.timezone}'" for name, edge in edges.items()}


def _recover(alert: Alert, voice: Voice) -> str:
    """The command that has what fails on a full host recover; without names where none is known."""
    ids = [f"--component {shell_word(str(one))}" for one in as_list(alert.details.get("failing_here"))]
    if ids:
        return f"heartbeat recover {' '.join(ids)} --force"
    return voice.said(Text("heartbeat status names it; then heartbeat recover --component ID --force"))


def _place(alert: Alert) -> str:
    """Host and port of the certificate that has expired, as a command takes them."""
    cause = cause_of(alert)
    known = isinstance(cause, Text) and cause.template in certificates.EXPIRED
    host = str(cause.values.get("host") or "") if known and isinstance(cause, Text) else ""
    if not _HOST.fullmatch(host):
        return "HOST:443"
    port = _PORT.search(str(alert.details.get("address") or ""))
    return f"{host}:{port[1] if port else 443}"
