"""`[maintenance.<id>]` and the times of channels, as people write them, rightly and wrongly."""

import tomllib

import pytest

from heartbeat_cli.config import load as config
from heartbeat_cli.errors import ConfigError
from heartbeat_cli.views import settings_text

BASE = '[components.db]\nkind = "tcp"\nhost = "h"\nport = 1\n'


def load(text: str) -> config.Config:
    return config.load(tomllib.loads(BASE + text), "hb.toml")


def test_both_sorts_of_window() -> None:
    windows = load(
        '[maintenance.weekly]\ncron = "30 2 * * SUN"\nduration = "2h"\ncomponents = ["d*"]\n'
        'timezone = "Europe/Berlin"\n'
        '[maintenance.move]\nfrom = 2026-12-24\nuntil = "2026-12-26T12:00"\nrecovery = "on"\nreason = "new rack"\n'
    ).maintenance
    weekly, move = windows["weekly"], windows["move"]
    assert weekly.schedule is not None
    assert (weekly.schedule.text, weekly.seconds, weekly.components) == ("30 2 * * sun", 7200.0, ("d*",))
    assert (weekly.timezone, weekly.kind, weekly.reason) == ("Europe/Berlin", "maintenance", "planned maintenance")
    assert (str(move.first), str(move.last)) == ("2026-12-24 00:00:00", "2026-12-26 12:00:00")
    assert (move.kind, move.reason, move.components) == ("silence", "new rack", ("*",))


WRONG = [
    ("", "maintenance.w: expected from and until, or cron and duration"),
    ("from = 2026-01-01", "maintenance.w: expected from and until, or cron and duration"),
    ('cron = "0 2 * *"\nduration = "2h"', 'maintenance.w.cron: "0 2 * *": expected five fields (minute hour day month'),
    ('cron = "0 0 31 feb *"\nduration = "2h"', "maintenance.w.cron: there is no such day"),
    ('cron = "0 2 * * *"', 'maintenance.w.duration: is required with cron, as in "2h"'),
    ('cron = "0 2 * * *"\nduration = "2 moons"', 'maintenance.w.duration: expected a number of seconds,'),
    ('cron = "0 2 * * *"\nduration = 5', "maintenance.w.duration: expected a minute to 31 days, got 5 s"),
    ('cron = "0 2 * * *"\nduration = "40d"', "maintenance.w.duration: expected a minute to 31 days, got 3,456,000 s"),
    ('cron = "0 2 * * *"\nduration = "2h"\nfrom = 2026-01-01', "maintenance.w.cron: goes without from and until"),
    ('from = "tomorrow"\nuntil = 2026-01-02', "maintenance.w.from: \"tomorrow\": Invalid isoformat string: 'tomorrow'"),
    ("from = 2026-01-02\nuntil = 2026-01-02", "maintenance.w.until: is not after from"),
    ("from = 12:00:00\nuntil = 2026-01-02", "maintenance.w.from: expected date, got"),
    ('until = 2026-01-02\nduration = "2h"', "maintenance.w.duration: goes with cron only; a dated window has until"),
    ('until = 2026-01-02\ntimezone = "Mars"', 'maintenance.w.timezone: no such time zone: "Mars"'),
    ('until = 2026-01-02\nreason = ""', "maintenance.w.reason: expected some text on one line"),
    ('until = 2026-01-02\nrecovery = "ask"', 'maintenance.w.recovery: expected one of off, on, got "ask"'),
    ('until = 2026-01-02\ncomponents = ["bd"]', 'maintenance.w.components: no component "bd"; known: db'),
    ('until = 2026-01-02\nreason = "env:NO_SUCH_ONE"', "maintenance.w.reason: environment variable NO_SUCH_ONE is not"),
    ("until = 2026-01-02\nuntill = 2026-01-02", "maintenance.w.untill: unknown key; did you mean until?"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_with_a_window(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(f"[maintenance.w]\n{text}\n")
    assert str(caught.value).startswith(f"hb.toml: {said}")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('quiet_hours = "10pm-7am"', 'quiet_hours: "10pm-7am": expected two times of day, as in 22:00-07:00'),
        ('quiet_severity = "none"', 'quiet_severity: expected one of low, medium, high, severe, got "none"'),
        ('min_severity = "hihg"',
         'min_severity: expected one of low, medium, high, severe, got "hihg"; did you mean high?'),
        ('components = ["nobody"]', 'components: no component "nobody"; known: db'),
        ("escalate_after = -1", "escalate_after: expected 0 to 31,536,000, got -1"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_channel(keys: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(f'[channels.c]\nkind = "console"\n{keys}\n')
    assert str(caught.value) == f"hb.toml: channels.c.{said}"


def test_what_is_shown_can_be_read_again_and_is_the_same() -> None:
    given = load(
        '[maintenance.weekly]\ncron = "30 2 * * sun"\nduration = "90min"\ncomponents = ["tcp"]\n'
        '[maintenance."a.b"]\nfrom = 2026-12-24T18:00:00+08:00\nuntil = 2026-12-26\ntimezone = "Asia/Hong_Kong"\n'
    )
    again = config.load(tomllib.loads(settings_text.toml_text(given)), "hb.toml")
    assert again.maintenance == given.maintenance and len(again.maintenance) == 2


def test_a_channel_whose_reference_leads_nowhere_stops_no_window() -> None:
    found = load('[channels.c]\nkind = "file"\npath = "env:NO_SUCH_ONE"\n[maintenance.w]\nuntil = 2026-01-02\n')
    assert len(found.unresolved) == 1 and "w" in found.maintenance
