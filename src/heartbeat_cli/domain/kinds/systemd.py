"""systemd's command line as values: how `systemctl` is asked and what its answer says. Shared by the service
monitor and the systemd action; neither a process nor a clock is touched here."""

import math
import re
from collections.abc import Mapping, Sequence

from heartbeat_cli.domain.plain import is_word, lines_of, one_line, whole
from heartbeat_cli.domain.text import Text

Properties = Mapping[str, str]

_SIGNS = ":_.@\\-"
_UNIT = r"[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]*"
_TYPES = frozenset(
    ("service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope")
)
_LONGEST = 255
EXITED = "1"  # ExecMainCode: CLD_EXITED of sigaction(2)
_DENIED = (
    "interactive authentication required",
    "access denied",
    "permission denied",
    "not permitted",
    "password is required",  # sudo -n
    "a terminal is required",  # sudo without -n
    "is not allowed to",  # sudo
    "not in the sudoers",
)


def problems(unit: str, systemctl: Sequence[str]) -> list[tuple[str, str]]:
    """What is wrong with a unit name (a glob, a path, an option in disguise) or with a systemctl prefix."""
    found = []
    if not (is_word(unit, _SIGNS) and unit[0] != "-") and not re.fullmatch(_UNIT, unit):
        found.append(("unit", f"{unit!r} is no unit name: letters, digits, : _ . @ \\ and, not first, -"))
    elif len(full_name(unit)) > _LONGEST:
        found.append(("unit", f"a unit name has at most {_LONGEST} characters"))
    if not systemctl or not all(systemctl):
        found.append(("systemctl", 'expected a program and its arguments, as ["sudo", "-n", "systemctl"]'))
    return found


def full_name(unit: str) -> str:
    """`nginx` means `nginx.service`, as systemctl itself reads it."""
    return unit if "." in unit and unit.rpartition(".")[2] in _TYPES else f"{unit}.service"


def command(systemctl: Sequence[str], user: bool, *words: str) -> list[str]:
    """The argument list; nothing in it may ask a person, page or colour."""
    return [*systemctl, *(["--user"] if user else []), "--no-ask-password", "--no-pager", *words]


def privileged(systemctl: Sequence[str], user: bool, sudo: bool, unit: str, *verb: str) -> list[str]:
    """The argument list of what needs a right (`restart`, `reset-failed`, `kill` with its options). Through sudo it is
    kept to the bare words, because a line in sudoers must name every one of them; a unit name cannot be an option
    (`problems`)."""
    if sudo:
        return ["sudo", "-n", *systemctl, *verb, full_name(unit)]
    return command(systemctl, user, *verb, "--", unit)


def extra_env(environ: Mapping[str, str], uid: int) -> dict[str, str]:
    """What systemctl (and a `docker exec` in front of it) needs besides a minimal environment: cron sets no
    XDG_RUNTIME_DIR, without which `--user` finds no manager."""
    extra = {name: value for name, value in environ.items() if name.startswith("DOCKER_")}
    extra["XDG_RUNTIME_DIR"] = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}"
    return extra | {"SYSTEMD_COLORS": "0"}


def blocks(text: str) -> list[dict[str, str]]:
    """The output of `systemctl show`: one block of `Key=value` lines a unit, an empty line between them. A
    key that comes several times has a line for each."""
    found: list[dict[str, str]] = []
    for block in text.split("\n\n"):
        pairs = (line.partition("=") for line in lines_of(block) if "=" in line)
        properties: dict[str, str] = {}
        for key, _, value in pairs:
            properties[key] = f"{properties[key]}\n{value}" if key in properties else value
        if properties:
            found.append(properties)
    return found


def block_of(unit: str, found: Sequence[Properties]) -> Properties | None:
    """The block that speaks of `unit`, by any of its names: an alias answers with another Id."""
    name = full_name(unit)
    for properties in found:
        if name == properties.get("Id") or name in properties.get("Names", "").split():
            return properties
    return None


def denied(stderr: str) -> bool:
    """Whether an error means that the right to do it is missing."""
    return any(words in stderr.lower() for words in _DENIED)


def complaint(code: int | None, stderr: str) -> str:
    """Why systemctl failed, in one line."""
    if code is None:
        return Text("systemctl did not answer in time")
    return one_line(stderr) or Text("systemctl ended with exit {code} and said nothing", code=code)


def starting(properties: Properties) -> bool:
    """A start in progress, as opposed to the pause between two crashes."""
    return properties.get("ActiveState") == "activating" and not waiting_to_restart(properties)


def waiting_to_restart(properties: Properties) -> bool:
    return properties.get("SubState", "").startswith("auto-restart")


def number(properties: Properties, name: str) -> int | None:
    """A figure, None where this systemd or this unit has none (`[not set]`, or all bits set)."""
    return whole(properties.get(name, ""))


def is_job(properties: Properties) -> bool:
    """Whether a unit is one that ends by itself and rests until it is started again: a oneshot, or what a timer starts
    and is not enabled itself."""
    timed = any(name.endswith(".timer") for name in properties.get("TriggeredBy", "").split())
    enabled = properties.get("UnitFileState", "").startswith("enabled")  # enabled-runtime is, too
    return properties.get("Type") == "oneshot" or (timed and not enabled)


def job_waiting(properties: Properties) -> bool:
    """Whether a job (start, stop, restart) of the unit is queued or running."""
    return properties.get("Job", "") not in ("", "0")


_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_UNITS |= {"month": 2_629_800.0, "y": 31_557_600.0}


def seconds(properties: Properties, name: str) -> float | None:
    """A span of time as `systemctl show` words it (`5min 30s`); infinity for `infinity`, None where there is none.
    systemd.time(7)."""
    text = properties.get(name, "").strip()
    if text == "infinity":
        return math.inf
    parts = [
        re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(us|ms|s|min|h|d|w|month|y)", part) for part in text.split()[:8]
    ]
    if text == "0":
        return 0.0
    if not parts or not all(parts):
        return None
    return sum(float(part[1]) * _UNITS[part[2]] for part in parts if part)


def prevented(properties: Properties) -> int | None:
    """The exit status of the main process, where it is one with which the unit must not be started again
    (RestartPreventExitStatus=): its author says that a restart cannot help. systemd.service(5)."""
    status = number(properties, "ExecMainStatus")
    named = properties.get("RestartPreventExitStatus", "").split()
    ended = properties.get("ExecMainCode", "") == EXITED and properties.get("ActiveState") in ("failed", "inactive")
    return status if ended and status and str(status) in named else None


def result(properties: Properties) -> str:
    """How the unit's last run ended, in systemd's word: `exit-code`, `timeout`."""
    return one_line(properties.get("Result", ""), 60) or Text("no result")


def failed(properties: Properties) -> str:
    """That the unit's last run failed, and how, unless its exit code says so already (`with_end`)."""
    word = result(properties)
    if word == "exit-code" and properties.get("ExecMainStatus", "") not in ("", "0"):
        return Text("failed to run")
    return Text("failed: {result}", result=word)


def with_end(line: str, properties: Properties) -> str:
    """The line with how the main process ended, where it did and it tells something."""
    status, code = properties.get("ExecMainStatus", ""), properties.get("ExecMainCode", "")
    if status in ("", "0") or code in ("", "0"):
        return line
    how = Text("exit {code}", code=status) if code == EXITED else Text("killed by signal {signal}", signal=status)
    return Text("{line} ({how})", line=line, how=how)


def moment(properties: Properties, name: str) -> float | None:
    """A point in time in epoch seconds, as `systemctl show` words it in UTC (`Sat 2026-11-28 16:25:00 UTC`) or as
    `@1795883100`; None where there is none. Raises ValueError for one in another time zone."""
    text = properties.get(name, "").strip()
    if text in ("", "n/a", "0"):
        return None
    if text.startswith("@") and (seconds := whole(text[1:].partition(".")[0])) is not None:
        return float(seconds)
    found = re.fullmatch(
        r"(?:[A-Z][a-z]{2} )?([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8})(?:\.[0-9]{1,6})? (?:UTC|GMT)", text
    )
    if found is None:
        raise ValueError(one_line(text, 60))
    from datetime import datetime  # only timers need it

    return datetime.fromisoformat(f"{found[1]}+00:00").timestamp()


def left_inactive(properties: Properties) -> float | None:
    """Seconds on the machine's monotonic clock when the unit last began to start, None where it never did."""
    moment = number(properties, "InactiveExitTimestampMonotonic")
    return moment / 1e6 if moment else None


def remedy(unit: str, sudo: bool) -> str:
    """What to do where the right to restart a unit is missing, in one line."""
    if sudo:
        return Text(
            "let sudoers allow `systemctl restart {full_name}` with NOPASSWD, without a pattern",
            full_name=full_name(unit),
        )
    return Text(
        "allow restart of {full_name} in a polkit rule, or set sudo = true and a line in sudoers",
        full_name=full_name(unit),
    )


def summary(properties: Properties) -> str:
    """One line of evidence: everything that tells a person what systemd knows."""
    keys = (
        "LoadState",
        "UnitFileState",
        "ActiveState",
        "SubState",
        "Result",
        "ExecMainStatus",
        "NRestarts",
        "InvocationID",
    )
    return one_line(", ".join(f"{key}={properties[key]}" for key in keys if properties.get(key)))
