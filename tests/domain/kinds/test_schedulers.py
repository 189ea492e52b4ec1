"""What `doctor` makes of what it saw of cron, timers, the last pass and cron's mail."""

import pytest

from heartbeat_cli.domain.checking.coverage import Watch
from heartbeat_cli.domain.kinds.schedulers import (
    Mailer,
    Starters,
    Timer,
    comes,
    last_pass,
    mail,
    outdated,
    scheduler,
    unheard,
)

NOW = 1_800_000_000.0
TIMER = Timer("heartbeat.timer", True)
IDLE = Timer("heartbeat.timer", False)
OWN = Timer("heartbeat.timer", True, user=True)
CRON = Starters("your crontab", daemon="cron, process 7")
DEAD = Starters("your crontab")
HIDDEN = Starters("your crontab", sees_all=False)
STEADY = Watch(NOW - 20, NOW - 19)
DAEMON = "your crontab starts heartbeat, but no cron daemon"
DEAF = f"{DAEMON} (cron, crond) runs here: nothing starts it"
BLIND = "this user does not see the processes of others, so whether cron runs is not known"
LATE = Watch(NOW - 10_800, NOW - 10_799)
BY_HAND = Watch(NOW - 20, NOW - 19, gap=(NOW - 10_800, NOW - 20))  # the first after hours without any
PRINTED, NOBODY = "alerts are only printed", "no alert reaches a person"
WORKS = Mailer("/usr/sbin/sendmail")
NO_MTA = Mailer("/usr/sbin/sendmail", "there is no mail transfer agent (/usr/sbin/sendmail), so that …")


@pytest.mark.parametrize(
    ("seen", "watch", "found"),
    [
        (CRON, STEADY, [("ok", "cron runs (cron, process 7)")]),
        (CRON, LATE, [("ok", "cron runs (cron, process 7)")]),
        (DEAD, LATE, [("bad", DEAF)]),
        (DEAD, None, [("bad", DEAF)]),
        (DEAD, BY_HAND, [("bad", DEAF)]),
        (DEAD, STEADY, [("warn", f"{DAEMON} runs here; passes come all the same")]),
        (HIDDEN, LATE, [("warn", BLIND)]),
        (HIDDEN, STEADY, [("ok", f"{BLIND}; passes come")]),
        (Starters(timers=[TIMER]), LATE, [("ok", "the systemd timer heartbeat.timer is active")]),
        (Starters("your crontab", [TIMER]), STEADY, [("ok", "the systemd timer heartbeat.timer is active")]),
        (Starters("your crontab", [TIMER], "cron, process 7"), STEADY, [
            ("ok", "the systemd timer heartbeat.timer is active"),
            ("warn", "heartbeat.timer, your crontab both start heartbeat: it runs twice"),
            ("ok", "cron runs (cron, process 7)")]),
        (Starters(timers=[TIMER, OWN]), STEADY, [
            ("ok", "the systemd timer heartbeat.timer is active"),
            ("ok", "the systemd timer heartbeat.timer is active"),
            ("warn", "heartbeat.timer, heartbeat.timer both start heartbeat: it runs twice")]),
        (Starters(timers=[IDLE]), LATE, [
            ("bad", "the systemd timer heartbeat.timer is not active: nothing starts heartbeat")]),
        (Starters(timers=[TIMER, IDLE]), LATE, [("ok", "the systemd timer heartbeat.timer is active")]),
        (Starters(), STEADY, [("ok", "no crontab or timer of this host, but passes come: they are started elsewhere")]),
        (Starters(), LATE, []),
        (Starters(), None, []),
    ],
)  # fmt: skip
def test_is_what_starts_it_alive(seen: Starters, watch: Watch | None, found: list[tuple[str, str]]) -> None:
    findings = list(scheduler(seen, watch, NOW))
    assert [(one.level, one.text) for one in findings] == found
    assert all(one.advice for one in findings if one.level == "bad")


@pytest.mark.parametrize(
    ("seen", "watch", "found"),
    [
        (CRON, STEADY, [("ok", "the last one started 20 s ago; one is expected every 1 min")]),
        (CRON, LATE, [("bad", "the last one started 3 h ago; one is expected every 1 min")]),
        (DEAD, LATE, [("bad", "the last one started 3 h ago; one is expected every 1 min")]),
        (Starters(timers=[TIMER]), LATE, [("bad", "the last one started 3 h ago; one is expected every 1 min")]),
        (Starters(), LATE, [("warn", "the last one started 3 h ago; one is expected every 1 min")]),
        (Starters(), STEADY, [("ok", "the last one started 20 s ago; one is expected every 1 min")]),
        (CRON, BY_HAND, [("warn", "the last one started 20 s ago, after 3 h without any")]),
        (CRON, Watch(NOW - 149, NOW - 148), [("ok", "the last one started 2 min ago; one is expected every 1 min")]),
        (CRON, Watch(NOW - 151, NOW - 150), [("bad", "the last one started 3 min ago; one is expected every 1 min")]),
        (CRON, Watch(NOW - 400, NOW - 399, every=300.0), [
            ("ok", "the last one started 7 min ago; one is expected every 5 min")]),
        (CRON, Watch(NOW + 3_600, NOW + 3_601), [
            ("warn", "the last one started 1 h in the future: a clock was wrong, then or now")]),
        (CRON, Watch(NOW + 2, NOW + 3), [("ok", "the last one started 0 s ago; one is expected every 1 min")]),
        (CRON, None, [("warn", "none has been made on this host yet")]),
        (Starters(), None, []),
    ],
)  # fmt: skip
def test_when_the_last_pass_came(seen: Starters, watch: Watch | None, found: list[tuple[str, str]]) -> None:
    findings = list(last_pass(seen, watch, NOW))
    assert [(one.level, one.text) for one in findings] == found
    assert all(one.advice for one in findings if one.level != "ok")


def test_a_pass_by_hand_is_none_that_came_by_itself() -> None:
    assert comes(STEADY, NOW) and comes(STEADY._replace(gap=(NOW - 9_000, NOW - 8_000)), NOW)
    assert not comes(BY_HAND, NOW) and not comes(LATE, NOW) and not comes(None, NOW)


@pytest.mark.parametrize(
    ("kinds", "mailer", "seen", "found"),
    [
        (["console"], NO_MTA, CRON, [("bad", f"{PRINTED}, and {NO_MTA.lacking}: {NOBODY}")]),
        (["console"], NO_MTA, Starters(), [("bad", f"{PRINTED}, and {NO_MTA.lacking}: {NOBODY}")]),
        ([], NO_MTA, CRON, [("bad", f"{PRINTED}, and {NO_MTA.lacking}: {NOBODY}")]),
        (["console"], WORKS, CRON, [("ok", "cron mails what a run prints, by /usr/sbin/sendmail")]),
        (["console", "telegram"], NO_MTA, CRON, [
            ("warn", f"{NO_MTA.lacking}: what heartbeat itself has to say (a mistake in its configuration) is lost")]),
        (["email"], WORKS, CRON, [("ok", "cron mails what a run prints, by /usr/sbin/sendmail")]),
        (["console"], WORKS, Starters(timers=[TIMER]), [
            ("bad", f"{PRINTED}, and what a systemd timer's run prints goes to the journal: {NOBODY}")]),
        (["telegram"], NO_MTA, Starters(timers=[TIMER]), []),
        (["console"], WORKS, Starters("your crontab", [TIMER]), [
            ("ok", "cron mails what a run prints, by /usr/sbin/sendmail")]),
    ],
)  # fmt: skip
def test_does_what_is_printed_reach_anybody(
    kinds: list[str], mailer: Mailer, seen: Starters, found: list[tuple[str, str]]
) -> None:
    findings = list(mail(kinds, mailer, seen))
    assert [(one.level, one.text) for one in findings] == found
    assert all("[channels.…]" in one.advice for one in findings if one.level == "bad")


def test_unheard() -> None:
    assert unheard(["console"], WORKS) == unheard(["telegram"], NO_MTA) == ""
    assert unheard(["console"], NO_MTA) == f"{PRINTED}, and {NO_MTA.lacking}"


@pytest.mark.parametrize(
    ("timer", "advice"),
    [
        (TIMER, None),
        (TIMER._replace(made_for="every 30 s"), None),
        (TIMER._replace(made_for="every 15 s"), "`heartbeat timer --install` brings it up to date"),
        (OWN._replace(made_for="every 15 s"), "`heartbeat timer --install --user` brings it up to date"),
    ],
)
def test_units_that_were_made_for_other_settings(timer: Timer, advice: str | None) -> None:
    found = list(outdated(Starters(timers=[timer]), "every 30 s"))
    assert [(one.level, one.advice) for one in found] == ([] if advice is None else [("warn", advice)])


@pytest.mark.parametrize("made_for", ["", "every 30 s", "every 15 s"])
def test_units_of_an_earlier_version_that_give_folders_away(made_for: str) -> None:
    """Root is told as well, who does not know what they would be made for now."""
    timer = TIMER._replace(made_for=made_for, gives_folders_to="hb")
    (found,) = outdated(Starters(timers=[timer]), "every 30 s")
    assert found.level == "bad"
    assert found.text.startswith(f"{timer.name} is out of date: by the StateDirectory= of its service hb can become")
    assert found.advice == "`sudo heartbeat timer --install --run-as hb` brings it up to date"


def test_the_journal_of_the_manager_that_starts_it() -> None:
    (late,) = last_pass(Starters(timers=[OWN]), LATE, NOW)
    assert late.advice == "`journalctl --user -u heartbeat` shows what its runs say"
