"""How long an incident that was reopened still has to end by itself, as it did before."""

import pytest

from heartbeat_cli.domain.incident import Incident, Relapse

FIRST = Incident("i/1", "web", "agent", "critical", "refused", started=100.0, declared=110.0)
AGAIN = FIRST.with_relapse(Relapse(ended=130.0, started=160.0, declared=170.0))


@pytest.mark.parametrize(
    ("incident", "now", "expected"),
    [
        (FIRST, 120.0, None),  # it was never down before
        (AGAIN, 180.0, (30.0, 17.5)),
        (AGAIN, 197.5, None),  # down for a quarter longer than it was before
        (AGAIN, 150.0, None),  # by a clock that was set back
        (AGAIN._replace(ended=190.0), 195.0, None),
        (AGAIN.with_relapse(Relapse(ended=220.0, started=230.0, declared=231.0)), 250.0, (60.0, 55.0)),
        (AGAIN.with_relapse(Relapse(ended=600.0, started=610.0, declared=611.0)), 620.0, (30.0, 27.5)),  # too long
    ],
)
def test_it_has_as_long_as_the_longest_outage_before(
    incident: Incident, now: float, expected: tuple[float, float] | None
) -> None:
    assert incident.comes_back(now, within=300.0) == expected
