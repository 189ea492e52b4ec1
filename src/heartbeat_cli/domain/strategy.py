"""How eagerly components are checked when they do not say it themselves."""

from heartbeat_cli.domain.record import Record


class Strategy(Record):
    """`interval` between checks and `timeout` of one check, both in seconds; `confirm_every` seconds between the checks
    that confirm a certain failure within one run (0: none)."""

    name: str
    interval: float
    timeout: float
    confirm_every: float = 0.0


STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy("aggressive", 15.0, 3.0, 2.0),
        Strategy("normal", 30.0, 5.0),
        Strategy("conservative", 60.0, 10.0),
    )
}
DEFAULT = "normal"


def is_due(last_check: float | None, now: float, interval: float) -> bool:
    """Whether a component wants a check. Cron fires a little early or late, so a check may come up to a
    quarter of the interval (10 s at most) early; a last check in the future means the clock was set back."""
    if last_check is None or last_check > now:
        return True
    return now - last_check >= interval - min(interval / 4, 10.0)
