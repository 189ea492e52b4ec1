"""The commands with which a person answers the message of a fault, ready to be pasted into a shell."""

import re
from collections.abc import Iterable, Sequence
from shlex import join, quote, split

from heartbeat_cli.domain.alerting.alert import Alert, family, is_about_fault
from heartbeat_cli.domain.plain import one_line

SILENCE = 60  # minutes
_MOST = 5  # faults of a digest whose commands it shows: the list would push out what was seen
_RESTARTS = [["docker", "restart"]]  # and a name
for _systemctl in ("systemctl", "/usr/bin/systemctl"):
    _RESTARTS += [[_systemctl, "restart"], [_systemctl, "--user", "restart"]]
# Of one unit or container: systemctl expands globs itself, and a target may be that of powering off.
_ONE = re.compile(r"(?!-)(?!.*\.target$)[^*?\[\]]+", re.S)
_COMMAND = 200  # characters of a command: one that is cut off could be another one


def shell_word(name: str) -> str:
    """A name in a command that a person will paste into a shell: another host may have made it up."""
    return quote(one_line(name, 100))


def commands(alerts: Iterable[Alert]) -> dict[str, Sequence[str]]:
    """`ack` and `silence`: the commands for those of these alerts that are about a fault, and to silence what has no
    incident to acknowledge; none if these are many."""
    given = list(alerts)
    faults = list(dict.fromkeys(shell_word(one.component) for one in given if is_about_fault(one)))
    unseen = [shell_word(id_) for one in given if has_no_incident(one) for id_ in one.members]
    names = list(dict.fromkeys([*faults, *unseen]))
    if not 0 < len(names) <= _MOST:
        return {"ack": [], "silence": []}
    return {
        "ack": [f"heartbeat ack {' '.join(faults)}"] if faults else [],
        "silence": [f"heartbeat silence {name} --for {SILENCE}" for name in names],
    }


def by_hand(alert: Alert) -> str:
    """The command with which a person has a step of recovery taken that heartbeat does not take by itself; "" where it
    does, or where no step could help."""
    command = f"heartbeat recover --component {shell_word(alert.component)}"
    if family(alert.type) == "over":
        return ""
    if alert.details.get("ask"):
        return command
    return f"{command} --force" if alert.details.get("restarts") == "by hand" else ""


def restart(alert: Alert) -> str:
    """The command that restarts what an alert is about, "" where none is known: that of its details, which may be a row
    of another host, if it restarts a unit or a container and does nothing else; else heartbeat's own."""
    given = alert.details.get("restart")
    if not isinstance(given, str) or not given:
        return ""
    return given if _only_restarts(given) else f"heartbeat recover --component {shell_word(alert.component)} --force"


def _only_restarts(text: str) -> bool:
    """Whether a text is one short printable line that a shell reads as one restart by a program on the usual path."""
    try:
        words = split(text)
    except ValueError:  # a quotation mark without its partner
        return False
    *program, name = (words[1:] if words[:1] == ["sudo"] else words) or [""]
    plain = one_line(text, _COMMAND) == text == join(words)
    return plain and program in _RESTARTS and _ONE.fullmatch(name) is not None


def has_no_incident(alert: Alert) -> bool:
    """Whether it is about something that lasts, and that nobody is reminded of: there is nothing to acknowledge."""
    return family(alert.type) == "unobserved" or alert.type == "observer_silent"
