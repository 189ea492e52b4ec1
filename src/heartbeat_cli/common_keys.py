"""The keys that components of all kinds have, out of the configuration."""

from collections.abc import Mapping
from typing import Any

from heartbeat_cli import hosts
from heartbeat_cli.domain.component import Common
from heartbeat_cli.sections import COMMON_LIMITS, check_values
from heartbeat_cli.settings import Problems, build

COMMON_KEYS = frozenset(Common.__annotations__) | {"kind", "recovery"}


def common(where: str, table: Mapping[str, Any], seen: dict[str, Common], problems: Problems) -> Common:
    """What a component's table says in them, as far as it can be made out. Most of a thousand components say the same:
    what has been `seen` with nothing to complain of is not judged anew."""
    shared = {key: value for key, value in table.items() if key in Common.__annotations__}
    said, before = repr(shared), (len(problems.lines), len(problems.lacking))
    if said in seen:
        return seen[said]
    found: Common = build(Common, shared, where, problems) or Common()
    check_values(found, where, COMMON_LIMITS, problems)
    hosts.check(found, where, problems)
    if found.fail_window is not None and found.fail_threshold > found.fail_window:
        text = f"expected at most fail_window ({found.fail_window}), or there is never a fault; got"
        problems.add(f"{where}.fail_threshold", f"{text} {found.fail_threshold}")
    if before == (len(problems.lines), len(problems.lacking)):
        seen[said] = found
    return found
