"""What kind of failure a check has found, and what could mend it. Recovery acts only where a restart can help."""

from typing import Literal, get_args

from heartbeat_cli.domain.record import Record

Category = Literal[
    "process",
    "starting",
    "draining",
    "dependency",
    "provider",
    "credentials",
    "quota",
    "configuration",
    "resource",
    "network",
    "certificate",
]
Remedy = Literal["restart", "wait", "person"]

CATEGORIES: tuple[Category, ...] = get_args(Category)  # stores have their places in this order: new ones go last
REMEDIES: tuple[Remedy, ...] = get_args(Remedy)
_USUAL: dict[str, Remedy] = {
    "process": "restart",
    "starting": "wait",
    "draining": "wait",
    "dependency": "wait",
    "provider": "wait",
    "credentials": "person",
    "quota": "person",
    "configuration": "person",
    "resource": "person",
    "network": "wait",
    "certificate": "person",
}
_STEP = 16  # in a stored number, between the usual remedy and each other one


class Failure(Record):
    """What kind of failure it is, and what could mend it."""

    category: Category
    remedy: Remedy

    @property
    def mended_by(self) -> Category:
        """The category that a step has to mend to be of use."""
        return "process" if self.remedy == "restart" else self.category


PROCESS = Failure("process", "restart")


def failure(category: Category, remedy: Remedy | None = None) -> Failure:
    """A failure of a category, with its usual remedy unless another one is given."""
    return Failure(category, remedy or _USUAL[category])


def failure_by_words(category: str | None, remedy: str | None = None) -> Failure | None:
    """The failure that these words name, with the usual remedy where the second is none; None for other words: a
    plug-in may say anything, and rows of a store may be edited."""
    if category not in _USUAL:
        return None
    return failure(category, remedy if remedy in REMEDIES else None)  # type: ignore[arg-type]


def failure_number(found: Failure | None) -> int | None:
    """A failure as stores have it: the place of its category, and of a remedy that is not the usual one."""
    if found is None:
        return None
    other = 0 if found.remedy == _USUAL[found.category] else _STEP * (1 + REMEDIES.index(found.remedy))
    return CATEGORIES.index(found.category) + other


_BY_NUMBER = {
    failure_number(one): one for category in CATEGORIES for remedy in REMEDIES for one in (Failure(category, remedy),)
}


def failure_by_number(stored: int | None) -> Failure | None:
    """The failure with a stored number; None for a number that is none."""
    return _BY_NUMBER.get(stored)
