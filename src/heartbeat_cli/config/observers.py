"""Checks a component's keys about hosts (`observer`, `healer`, `quorum`), as far as the configuration alone allows.

Which hosts there are is known to the store only: `heartbeat doctor` compares them (`passes/doctor/hosts.py`).
"""

from heartbeat_cli.config.problems import Problems, format_value
from heartbeat_cli.domain.component import Common, goes_to

_WILDCARDS = "*?["


def check(common: Common, where: str, problems: Problems) -> None:
    """Note what no store could make right: a name that no host can have, a quorum that one host cannot reach, a healer
    that does not watch the component."""
    observer, healer, quorum = common.observer, common.healer, common.quorum
    if (observer, healer, quorum) == ("*", "*", None):  # nearly always
        return
    wrong = [(key, text) for key, name in (("observer", observer), ("healer", healer)) if (text := _mistake(name))]
    for key, text in wrong:
        problems.add(f"{where}.{key}", text)
    if wrong or _is_unresolved(observer) or _is_unresolved(healer):
        return
    if not is_glob(observer) and (quorum or 1) > 1:
        text = f"expected 1, because observer = {format_value(observer)} is one host, which alone never makes it"
        problems.add(f"{where}.quorum", f"{text}; got {quorum}")
    if are_disjoint(observer, healer):
        text = f"{format_value(healer)} does not watch it (observer = {format_value(observer)})"
        problems.add(f"{where}.healer", f"{text}, so nobody would ever restart it")


def are_disjoint(observer: str, healer: str) -> bool:
    """Whether no host can match both, as far as one of them is a name."""
    if not is_glob(healer):
        return not goes_to(observer, healer)
    return not is_glob(observer) and not goes_to(healer, observer)


def is_glob(name: str) -> bool:
    return any(sign in name for sign in _WILDCARDS)


def _mistake(name: str) -> str | None:
    if "," in name:
        return f"expected a name or a glob, as in web*; a comma makes no list of hosts, got {format_value(name)}"
    if _has_open_bracket(name):
        return f"expected a name or a glob, as in web[12]; a bracket is not closed, got {format_value(name)}"
    return None


def _has_open_bracket(glob: str) -> bool:
    """Whether a [ has no ] that closes it: fnmatch then takes it literally, and the glob matches nothing it was meant
    for."""
    start = glob.find("[")
    while start >= 0:
        first = start + 2 if glob[start + 1 : start + 2] == "!" else start + 1
        end = glob.find("]", first + 1)  # a ] right at the beginning is one of the letters
        if end < 0:
            return True
        start = glob.find("[", end)
    return False


def _is_unresolved(name: str) -> bool:
    """Whether it is an unresolved reference, which is noted already."""
    return name.startswith(("env:", "file:"))
