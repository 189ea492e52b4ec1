"""How eagerly components are looked at when they do not say it themselves."""

from typing import NamedTuple


class Strategy(NamedTuple):
    """`interval` between looks and `timeout` of one look, both in seconds."""

    name: str
    interval: float
    timeout: float


STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy("aggressive", 15.0, 3.0),
        Strategy("normal", 30.0, 5.0),
        Strategy("conservative", 60.0, 10.0),
    )
}
DEFAULT = "normal"


def is_due(last_look: float | None, now: float, interval: float) -> bool:
    """Whether a component wants a look. Cron fires a little early or late, so a look may come up to a
    quarter of the interval (10 s at most) early; a last look in the future means the clock was set back."""
    if last_look is None or last_look > now:
        return True
    return now - last_look >= interval - min(interval / 4, 10.0)
