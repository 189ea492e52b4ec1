"""The systemd units as text: how often they start a pass, what they let it do, and what stands for what is foreign."""

import pytest

from heartbeat_cli.domain.kinds import timer_units
from heartbeat_cli.domain.kinds.crontab import Job
from heartbeat_cli.domain.kinds.timer_units import Units
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.strategy import STRATEGIES, is_due

UNITS = Units(
    name="heartbeat",
    source="/etc/heartbeat/heartbeat.toml",
    job=Job(["/usr/local/bin/heartbeat"], "/etc/heartbeat/heartbeat.toml"),
    every=30,
    limit=170.0,
    needs=Needs(),
    state="/var/lib/heartbeat/state",
    user="heartbeat",
    system_folders=("/etc", "/usr"),
)
SANDBOX = (
    "NoNewPrivileges",
    "ProtectSystem",
    "ReadOnlyPaths",
    "MemoryMax",
    "OOMPolicy",
    "UMask",
    "PrivateDevices",
    "RestrictRealtime",
)


def lines(text: str) -> dict[str, str]:
    """The settings by key; of several the last."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


@pytest.mark.parametrize(
    ("every", "calendar"),
    [(10, "*-*-* *:*:00/10"), (15, "*-*-* *:*:00/15"), (30, "*-*-* *:*:00/30"), (60, "*-*-* *:*:00")],
)
def test_the_timer_fires_by_the_clock(every: int, calendar: str) -> None:
    found = lines(timer_units.timer(UNITS._replace(every=every)))
    assert found["OnCalendar"] == calendar
    assert "Persistent" not in found


@pytest.mark.parametrize("every", [10, 12, 15, 20, 30, 60])
def test_a_delay_by_chance_leaves_no_component_out(every: int) -> None:
    """An early systemd draws it anew each time: the shortest distance of two starts must still be an interval."""
    found = lines(timer_units.timer(UNITS._replace(every=every, version=239)))
    shortest = every - int(found["RandomizedDelaySec"]) - 0.1
    assert is_due(1000.0, 1000.0 + shortest, float(every))
    assert "FixedRandomDelay" not in found


def test_every_strategy_has_a_timer() -> None:
    assert {int(one.interval) for one in STRATEGIES.values()} <= {15, 30, 60}


def test_where_nothing_else_is_needed_the_sandbox_is_closed() -> None:
    found = lines(timer_units.service(UNITS._replace(needs=Needs(writes=("/srv/my page",)))))
    assert found["Type"] == "oneshot" and found["User"] == "heartbeat"
    assert found["ProtectSystem"] == "strict" and found["CapabilityBoundingSet"] == ""
    assert found["ReadWritePaths"] == '/var/lib/heartbeat/state "-/srv/my page"'
    assert "KillMode" not in found


def test_what_a_script_starts_is_kept_and_not_confined() -> None:
    found = lines(timer_units.service(UNITS._replace(needs=Needs(programs=True, lives_on=True))))
    assert found["KillMode"] == "process"
    assert [key for key in (*SANDBOX, "CapabilityBoundingSet") if key in found] == []


def test_programs_of_checks_keep_their_rights() -> None:
    found = lines(timer_units.service(UNITS._replace(needs=Needs(programs=True))))
    assert [key for key in SANDBOX if key in found] == ["ReadOnlyPaths"]
    assert "KillMode" not in found


def test_no_filesystem_is_hidden_from_a_check_of_disks() -> None:
    needs = Needs(filesystems=True, writes=("/etc/pages", "/srv/pages"))
    found = lines(timer_units.service(UNITS._replace(needs=needs)))
    assert "ProtectSystem" not in found and "ProtectHome" not in found
    assert found["ReadOnlyPaths"] == "/etc /usr"
    assert found["ReadWritePaths"] == "-/etc/pages"
    separate = UNITS._replace(needs=needs, system_folders=("/etc",))
    assert lines(timer_units.service(separate))["ReadOnlyPaths"] == "/etc"


def test_devices_stay_where_a_check_reads_them() -> None:
    assert "PrivateDevices" in timer_units.service(UNITS)
    assert "PrivateDevices" not in timer_units.service(UNITS._replace(needs=Needs(devices=True)))


def test_root_keeps_what_checks_use() -> None:
    found = lines(timer_units.service(UNITS._replace(user="root", root=True)))
    assert "CAP_DAC_READ_SEARCH" in found["CapabilityBoundingSet"]


def test_a_users_own_manager_gets_nothing_that_wants_mounts() -> None:
    """It would have to map users, after which every file of root's is nobody's."""
    found = lines(timer_units.service(UNITS._replace(user=None)))
    wanting = ("User", "ProtectSystem", "PrivateDevices", "ReadWritePaths", "CapabilityBoundingSet")
    assert [key for key in wanting if key in found] == []
    assert found["NoNewPrivileges"] == "yes"


@pytest.mark.parametrize("state", ["/var/lib/heartbeat", UNITS.state, "/var/lib/a:b", "/srv/heartbeat", "/root/x"])
@pytest.mark.parametrize("needs", [Needs(), Needs(programs=True), Needs(filesystems=True)])
def test_systemd_gives_no_folder_to_the_user(state: str, needs: Needs) -> None:
    """It does that as root, and follows links on the way that the user can set."""
    found = lines(timer_units.service(UNITS._replace(state=state, needs=needs)))
    assert [key for key in found if key.endswith(("Directory", "DirectoryMode")) or key.startswith("Exec")] == [
        "ExecStart"
    ]


def test_units_of_an_earlier_version_are_known_by_the_folder_that_they_give_away() -> None:
    now = timer_units.service(UNITS)
    earlier = now.replace("User=heartbeat\n", "User=heartbeat\nStateDirectory=heartbeat/state\n")
    assert timer_units.gives_folders_to(now) == ""
    assert timer_units.gives_folders_to(earlier) == "heartbeat"
    assert timer_units.gives_folders_to(earlier.replace("User=heartbeat", "User=root")) == ""
    assert timer_units.gives_folders_to(earlier.replace(timer_units.MARK, "# my own: ")) == ""


def test_an_early_systemd_gets_what_it_knows() -> None:
    """Before 244 it refused a oneshot with Restart=."""
    found, early = (timer_units.service(UNITS._replace(version=version)) for version in (None, 239))
    for key in ("Restart=", "OOMPolicy="):
        assert key in found and key not in early


@pytest.mark.parametrize(("limit", "seconds"), [(170.0, "300"), (900.0, "960")])
def test_systemd_waits_longer_than_a_pass_may_take(limit: float, seconds: str) -> None:
    assert lines(timer_units.service(UNITS._replace(limit=limit)))["TimeoutStartSec"] == seconds


def test_every_line_of_the_sandbox_has_a_reason() -> None:
    for needs in (Needs(), Needs(programs=True), Needs(programs=True, lives_on=True), Needs(filesystems=True)):
        _, _, sandbox = timer_units.service(UNITS._replace(needs=needs)).partition("RestartSec=1\n\n")
        assert sandbox.startswith("# ")


def test_signs_that_systemd_would_read_are_quoted() -> None:
    job = Job(["/opt/50% of it/heartbeat"], '/srv/$HOME/"my" %h.toml', {"DOCKER_HOST": "unix:///run/my $x %t.sock"})
    text = timer_units.service(UNITS._replace(job=job))
    assert 'ExecStart="/opt/50%% of it/heartbeat" --config "/srv/$$HOME/\\"my\\" %%h.toml" run\n' in text
    assert 'Environment="DOCKER_HOST=unix:///run/my $x %%t.sock"\n' in text


@pytest.mark.parametrize("path", ["/srv/a\\x20b.toml", "/srv/a\nExecStart=/bin/evil.toml"])
def test_what_cannot_stand_in_a_unit_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a unit"):
        timer_units.service(UNITS._replace(source=path))


def test_units_say_whose_they_are_and_what_for() -> None:
    for text in (timer_units.service(UNITS), timer_units.timer(UNITS)):
        assert timer_units.source_of(text) == UNITS.source
        assert timer_units.made_for_of(text) == timer_units.made_for(30, 170.0, Needs(), UNITS.state)
    assert timer_units.source_of("[Unit]\nDescription=my own\n") is None
    assert timer_units.made_for(30, 170.0, Needs(), "/x") != timer_units.made_for(15, 170.0, Needs(), "/x")
