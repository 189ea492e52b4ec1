"""`heartbeat doctor`: what is wrong is named, with what to do; a sound setup is exit 0."""

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.passes.doctor import starters
from heartbeat_cli.system import schedulers
from tests.parts import lacking
from tests.parts.docker import need_image
from tests.parts.http import Answer, healthy_server
from tests.parts.verb import heartbeat

# A channel that reaches somebody on every machine, with or without a mail transfer agent.
HEARD = '[channels.hook]\nkind = "webhook"\nurl = "http://127.0.0.1:9/"\n'


def doctor(folder: Path, text: str, code: int | None, **variables: str) -> dict[str, dict[str, Any]]:
    """The findings by topic; the worst of a topic stands for it. A configuration without a channel gets one."""
    text += "" if "[channels." in text else f"\n{HEARD}"
    (folder / "heartbeat.toml").write_text(text)
    ended = heartbeat(folder, "doctor", "--format", "json", **variables)
    found = json.loads(ended.out)
    assert (ended.code if code is None else code, "") == (ended.code, ended.err), ended
    worst = ("ok", "warn", "bad")
    return {one["topic"]: one for one in sorted(found, key=lambda one: worst.index(one["level"]))}


def test_a_sound_setup(tmp_path: Path) -> None:
    with healthy_server() as server:
        text = f'[components.main]\nkind = "agent"\nurl = "{server.url}/health"\nrecovery = "off"\n'
        text += HEARD
        found = doctor(tmp_path, text, 0)
        asked = [seen.path for seen in server.seen]
    assert asked == ["/health"]  # each is looked at once
    levels = {topic: one["level"] for topic, one in found.items()}
    assert {levels.pop("crontab"), levels.pop("mail")} <= {"ok", "warn"}  # of this machine
    assert levels == dict.fromkeys(("config", "state", "store", "component main", "channel hook", "timezone"), "ok")
    assert f"GET {server.url}/health: healthy in 0." in found["component main"]["text"]
    assert "the tables are there and can be written" in found["store"]["text"]
    assert not (tmp_path / ".local/state/heartbeat/heartbeat.db-journal").exists()
    status = json.loads(heartbeat(tmp_path, "status", "--format", "json").out)
    assert status[0]["status"] == "unknown"  # nothing of it was kept


def test_components_that_are_not_well(tmp_path: Path) -> None:
    with healthy_server(Answer(503, b'{"status": "DOWN"}')) as server:
        text = f"""
            [components.ill]
            kind = "agent"
            url = "{server.url}/"
            [components.gone]
            kind = "agent"
            url = "http://127.0.0.1:1/"
            [components.strange]
            kind = "command"
            command = ["/no/such/check", "--password", "hunter2"]
            [components.backup]
            kind = "push"
            period = 60
        """
        found = doctor(tmp_path, text, 2)
    assert found["component ill"]["level"] == "warn"
    assert found["component gone"]["level"] == "bad"
    assert "connection refused" in found["component gone"]["text"]
    assert found["component strange"]["level"] == "bad"
    assert found["component backup"]["level"] == "ok"
    assert all(one["advice"] for one in found.values() if one["level"] != "ok")
    assert "hunter2" not in json.dumps(found)


def test_a_store_that_does_not_answer(tmp_path: Path) -> None:
    found = doctor(tmp_path, '[heartbeat]\nstore = "postgresql://u:hunter2secret@127.0.0.1:1/x"\n', 2)
    assert found["store"]["level"] == "bad"
    assert "hunter2" not in json.dumps(found)
    assert "PostgreSQL must run" in found["store"]["advice"]


@pytest.mark.postgres
def test_a_store_in_postgresql(tmp_path: Path, database: str) -> None:
    found = doctor(tmp_path, f'[heartbeat]\nstore = "{database}"\n', 0)
    assert found["store"]["level"] == "ok"
    again = doctor(tmp_path, f'[heartbeat]\nstore = "{database}"\n', 0)
    assert again["store"]["level"] == "ok"


def test_a_state_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = doctor(tmp_path, f'[heartbeat]\nstate_dir = "{tmp_path}/file/state"\n', 2)
    assert (found["state"]["level"], found["store"]["level"]) == ("bad", "bad")


def test_every_error_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text('[components.a]\nkind = "agnet"\n[components.b]\nkind = "agent"\n')
    ended = heartbeat(tmp_path, "doctor")
    assert (ended.code, ended.err) == (2, "")
    assert "did you mean agent?" in ended.out
    assert "components.b.url: is required" in ended.out
    assert "Traceback" not in ended.out


def test_secrets_that_everybody_can_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret-in-a-file")
    path = tmp_path / "heartbeat.toml"
    agent = '[components.a]\nkind = "agent"\nurl = "http://127.0.0.1:1/"\n'
    path.touch(mode=0o644)
    path.chmod(0o644)
    found = doctor(tmp_path, f'{agent}headers = {{ Authorization = "file:token" }}\n', 2)
    assert found["config"]["level"] == "ok"
    found = doctor(tmp_path, f'{agent}headers = {{ Authorization = "s3cret-inline" }}\n', 2)
    assert found["config"]["level"] == "warn"
    assert "chmod" in found["config"]["advice"]
    assert "s3cret" not in json.dumps(found)
    path.chmod(0o600)
    assert doctor(tmp_path, path.read_text(), 2)["config"]["level"] == "ok"


def test_what_cron_does_not_know(tmp_path: Path) -> None:
    found = doctor(tmp_path, '[heartbeat]\nobserver = "env:WHO"\n', 0, WHO="me")
    assert found["crontab"]["level"] == "warn"
    assert "$WHO" in found["crontab"]["text"]


def test_one_line_a_class_of_problem_and_a_verdict(tmp_path: Path) -> None:
    """Ten scripts that are not there are one line."""
    agents = "".join(
        f'[components.a{n}]\nkind = "agent"\nurl = "http://127.0.0.1:1/"\n'
        f'recovery = {{ ladder = [{{ action = "script", name = "restart_a{n}.sh" }}] }}\n'
        for n in range(10)
    )
    (tmp_path / "none").mkdir()
    (tmp_path / "heartbeat.toml").write_text(f'[recovery]\nscripts = "{tmp_path}/none"\n{agents}{HEARD}')
    ended = heartbeat(tmp_path, "doctor")
    assert ended.code == 2
    lines = ended.out.splitlines()
    (line,) = (line for line in lines if "restart_a" in line)
    assert line == (
        f"warn  recovery a0: step 1, script: no such script: {tmp_path}/none/restart_a0.sh; likewise a1, a2, a3, a4 and"
        " 5 more"
    )
    (line,) = (line for line in lines if "connection refused" in line or "nobody listens" in line)
    assert line.endswith("; likewise a1, a2, a3, a4 and 5 more")
    assert lines[-1].startswith("BAD   verdict: 1 problem must be corrected, ")
    found = json.loads(heartbeat(tmp_path, "doctor", "--format", "json").out)
    assert len([one for one in found if one["topic"].startswith("recovery a")]) == 10
    assert {frozenset(one) for one in found} == {frozenset(("topic", "level", "text", "advice"))}


CRON = "* * * * * root /opt/bin/heartbeat --config {config} run\n"


@pytest.mark.parametrize(
    ("line", "own"),
    [
        (CRON, True),
        ("* * * * * heartbeat /usr/local/bin/pacemaker run\n", False),  # the name of a user
        ("* * * * * root /usr/bin/curl https://example.org/heartbeat run\n", False),
        ("* * * * * root /usr/lib/heartbeat/cleanup\n", False),
        ("* * * * * root /opt/bin/heartbeat --config /elsewhere/heartbeat.toml run\n", False),
        ("@reboot root sleep 9; HEARTBEAT_CONFIG={config} /opt/venv/bin/python -m heartbeat_cli run\n", True),
        ("# * * * * * root heartbeat run\n", False),
        ("MAILTO=heartbeat\n* * * * * root true\n", False),
        ("* * * * * root heartbeat check && heartbeat detect\n", True),
        ('* * * * * root "heartbeat run\n', False),
    ],
)
def test_a_system_crontab_starts_this_program_or_another(tmp_path: Path, line: str, own: bool) -> None:
    config = tmp_path / "heartbeat.toml"
    config.touch()
    (tmp_path / "cron.d").mkdir()
    table = tmp_path / "cron.d" / "jobs"
    table.write_text(line.format(config=config))
    assert starters.system_wide(config, tmp_path) == (str(table) if own else "")


HOSTS = """
    [components.shop]
    kind = "command"
    command = ["/bin/true"]
    observer = "{observer}"
    healer = "{healer}"
    quorum = {quorum}
    recovery = {{ ladder = [{{ action = "command", command = ["/no/such/cure"] }}] }}
"""


@pytest.mark.parametrize(
    ("observer", "quorum", "healer", "text"),
    [
        ("wbe*", 1, "*", 'nobody looks at it: observer = "wbe*" is no host of this store (web1, web2)'),
        ("web*", 2, "web9", 'nobody may restart it: healer = "web9" is no host that watches it (web1, web2)'),
        (
            "web*", 3, "web2",
            "no fault can come about: quorum = 3 is more than the hosts that watch it (web1, web2)",
        ),
        ("web?", 2, "web2", None),
    ],
)  # fmt: skip
def test_hosts_that_are_named(tmp_path: Path, observer: str, quorum: int, healer: str, text: str | None) -> None:
    own = tmp_path / "heartbeat.toml"
    own.write_text('[heartbeat]\nobserver = "web2"\n[components.x]\nkind = "command"\ncommand = ["/bin/true"]\n')
    assert heartbeat(tmp_path, "run").code == 0
    here = '[heartbeat]\nobserver = "web1"\n'
    found = doctor(tmp_path, here + HOSTS.format(observer=observer, quorum=quorum, healer=healer), 0)
    assert found.get("hosts of shop", {}).get("text") == text
    assert found.get("hosts of shop", {"level": "warn"})["level"] == "warn"


def test_what_another_host_looks_at_and_restarts(tmp_path: Path) -> None:
    text = '[heartbeat]\nobserver = "web1"\n' + HOSTS.format(observer="web*", quorum=1, healer="web2")
    text += '[components.unit]\nkind = "docker"\ncontainer = "x"\nhost = "unix:///no.sock"\nobserver = "db1"\n'
    found = doctor(tmp_path, text, 0)
    told = "restarts it, not this host: its steps are to be looked at there"
    assert found["recovery shop"] == {"topic": "recovery shop", "level": "ok", "text": f"web2 {told}", "advice": ""}
    assert ": healthy in 0." in found["component shop"]["text"]
    assert found["component unit"]["text"] == "db1 looks at it, not this host"
    assert found["recovery unit"]["text"] == f"db1 {told}"
    assert "docker" not in found


def test_one_is_no_plural(tmp_path: Path) -> None:
    text = '[components.a]\nkind = "push"\nperiod = 60\n' + HEARD
    assert doctor(tmp_path, text, 0)["config"]["text"] == "heartbeat.toml: 1 component, 1 channel"


def test_docker_that_is_not_there(tmp_path: Path) -> None:
    found = doctor(tmp_path, '[components.x]\nkind = "docker"\ncontainer = "x"\nhost = "unix:///no/docker.sock"\n', 2)
    assert found["docker"] | {"topic": ""} == {
        "topic": "",
        "level": "bad",
        "text": "/no/docker.sock: no such socket",
        "advice": "is Docker installed and running?",
    }


@pytest.mark.docker
def test_docker_that_may_be_used(tmp_path: Path) -> None:
    need_image("busybox", "heartbeat-test-busybox")
    found = doctor(tmp_path, '[components.d]\nkind = "docker"\ndaemon = true\n', 0)
    assert (found["docker"]["level"], found["component d"]["level"]) == ("ok", "ok")


def test_units_without_systemd(tmp_path: Path) -> None:
    if os.path.isdir("/run/systemd/system"):
        lacking("a host without systemd")
    found = doctor(tmp_path, '[components.x]\nkind = "service"\nunit = "x"\n', 2)
    assert "systemd does not run here" in found["systemctl"]["text"]


def test_each_step_of_each_ladder(tmp_path: Path) -> None:
    (tmp_path / "good.sh").write_text("#!/bin/sh\ntouch ran\n")
    (tmp_path / "good.sh").chmod(0o755)
    (tmp_path / "open.sh").touch()
    (tmp_path / "open.sh").chmod(0o757)
    steps = ", ".join(
        (
            '{ action = "script", name = "good.sh" }',
            '{ action = "command", command = ["true", "hunter2"] }',
            '{ action = "http", url = "http://127.0.0.1:1/hook" }',
            '{ action = "script", name = "none.sh" }',
            '{ action = "docker", container = "x", host = "unix:///no/docker.sock" }',
            '{ action = "command", command = ["/no/such/cure"] }',
            '{ action = "script", name = "open.sh" }',
        )
    )
    text = f"""
        [heartbeat]
        state_dir = "{tmp_path}/state"
        [recovery]
        scripts = "{tmp_path}"
        [components.x]
        kind = "command"
        command = ["/bin/true"]
        recovery = {{ mode = "ask", ladder = [{steps}] }}
        [components.off]
        kind = "command"
        command = ["/bin/true"]
        recovery = {{ mode = "off", ladder = [{{ action = "command", command = ["/no/such/cure"] }}] }}
    """
    (tmp_path / "heartbeat.toml").write_text(text)
    ended = heartbeat(tmp_path, "doctor", "--format", "json")
    found = [one for one in json.loads(ended.out) if one["topic"].startswith("recovery ")]
    assert {one["topic"] for one in found} == {"recovery x"}
    assert [(one["level"], one["text"].partition(":")[0]) for one in found] == [
        ("ok", "step 1, script"),
        ("ok", "step 2, command"),
        ("ok", "step 3, http"),
        ("warn", "step 4, script"),
        ("bad", "step 5, docker"),
        ("bad", "step 6, command"),
        ("bad", "step 7, script"),
    ]
    assert all(one["advice"] for one in found if one["level"] != "ok")
    assert "hunter2" not in ended.out
    assert (ended.code, (tmp_path / "ran").exists()) == (2, False)


def a_crontab(folder: Path, text: str) -> str:
    """A $PATH on which `crontab -l` prints that text."""
    (folder / "bin").mkdir()
    (folder / "table").write_text(text)
    (folder / "bin/crontab").write_text(f"#!/bin/sh\ncat {folder}/table\n")
    (folder / "bin/crontab").chmod(0o755)
    return f"{folder}/bin:{os.environ['PATH']}"


def test_cron_that_is_dead_while_the_crontab_is_right(tmp_path: Path) -> None:
    """The passes came every minute until three hours ago; the crontab still says that they do."""
    text = (
        '[heartbeat]\nobserver = "me"\nstrategy = "conservative"\n[components.a]\nkind = "push"\nperiod = 60\n' + HEARD
    )
    (tmp_path / "heartbeat.toml").write_text(text)
    path = a_crontab(tmp_path, heartbeat(tmp_path, "crontab").out)
    assert heartbeat(tmp_path, "run", path=path).code == 0
    fresh = doctor(tmp_path, text, None, path=path)
    assert fresh["crontab"]["text"] == "1 starts a minute"
    assert fresh["last pass"]["level"] == "ok"
    with sqlite3.connect(tmp_path / ".local/state/heartbeat/heartbeat.db") as db:
        watch = json.loads(db.execute("SELECT value FROM heartbeat_settings WHERE name = 'watched/me'").fetchone()[0])
        watch = [watch[0] - 10_800, watch[1] - 10_800, *watch[2:]]
        db.execute("UPDATE heartbeat_settings SET value = ? WHERE name = 'watched/me'", (json.dumps(watch),))
    db.close()
    found = doctor(tmp_path, text, 2, path=path)
    assert found["crontab"]["level"] == "ok"
    assert (found["last pass"]["level"], found["last pass"]["advice"] != "") == ("bad", True)
    assert found["last pass"]["text"] == "the last one started 3 h ago; one is expected every 1 min"
    daemon, _ = schedulers.daemon()
    assert found["scheduler"]["level"] == ("ok" if daemon else "bad")


@pytest.mark.postgres
def test_the_last_pass_in_postgresql(tmp_path: Path, database: str) -> None:
    text = f'[heartbeat]\nstore = "{database}"\n[components.a]\nkind = "push"\nperiod = 60\n' + HEARD
    (tmp_path / "heartbeat.toml").write_text(text)
    assert "last pass" not in doctor(tmp_path, text, 0, path=a_crontab(tmp_path, ""))
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    assert heartbeat(tmp_path, "run").code == 0
    found = doctor(tmp_path, text, 0, path=path)
    assert found["last pass"]["text"].startswith("the last one started ")
    assert found["last pass"]["level"] == "ok"


@pytest.mark.parametrize("channels", ["", '[channels.c]\nkind = "console"\n'])
def test_alerts_that_nobody_would_hear_of(tmp_path: Path, channels: str) -> None:
    """What a console channel prints is mailed by cron, if it can and may mail."""
    (tmp_path / "heartbeat.toml").write_text(f'[components.a]\nkind = "push"\nperiod = 60\n{channels}')
    path = a_crontab(tmp_path, 'MAILTO=""\n# heartbeat begin\n# heartbeat end\n')
    ended = heartbeat(tmp_path, "doctor", path=path)
    assert ended.code == 2
    said = 'alerts are only printed, and your crontab says MAILTO="", so that cron mails nothing'
    assert f"\nBAD   mail: {said}: no alert reaches a person\n      → add a channel that reaches you " in ended.out
    (tmp_path / "table").write_text("")
    ended = heartbeat(tmp_path, "doctor", path=path)
    works = os.access(schedulers.SENDMAIL, os.X_OK)
    assert (ended.code, "\nBAD   mail: " in ended.out, "\nok    mail: " in ended.out) == (
        0 if works else 2,
        not works,
        works,
    )
    (tmp_path / "heartbeat.toml").write_text(f'[components.a]\nkind = "push"\nperiod = 60\n{HEARD}')
    ended = heartbeat(tmp_path, "doctor", path=path)
    assert (ended.code, "BAD" in ended.out, "\nwarn  mail: " in ended.out) == (0, False, not works)


def test_a_table_for_people(tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text('[components.a]\nkind = "agent"\nurl = "http://127.0.0.1:1/"\n')
    ended = heartbeat(tmp_path, "doctor")
    lines = ended.out.splitlines()
    (bad,) = [
        number
        for number, line in enumerate(lines)
        if line.startswith("BAD   component a: agent, GET http://127.0.0.1:1/: error")
    ]
    assert lines[bad + 1] == "      → is it running, and is this the right address?"


def test_a_page_for_people_is_no_health_address(tmp_path: Path) -> None:
    """It answers 200 on every path: a mistyped one would be called healthy for ever."""
    page = Answer(200, b"<!DOCTYPE html><html><body>app</body></html>", (("Content-Type", "text/html"),))
    with healthy_server(page) as server:
        agent = f'kind = "agent"\nurl = "{server.url}/helath"\nrecovery = "off"\n'
        rule = 'expect = "contains"\ncontains = "app"\n'
        found = doctor(tmp_path, f"[components.plain]\n{agent}[components.ruled]\n{agent}{rule}", 0)
    assert found["component plain"]["level"] == "warn"
    assert "a page for people" in found["component plain"]["text"]
    assert found["component ruled"]["level"] == "ok"


def test_agents_whose_unit_is_guessed_are_named_once(tmp_path: Path) -> None:
    with healthy_server() as server:
        agent = f'kind = "agent"\nurl = "{server.url}/"\n'
        blocks = [f"[components.a{n}]\n{agent}" for n in range(7)]
        text = "".join(blocks) + f'[components.named]\n{agent}unit = "named.service"\n'
        found = doctor(tmp_path, text, None)
    assert found["unit"]["level"] == "warn"
    assert found["unit"]["text"].startswith("a0, a1, a2, a3, a4 and 2 more: unit is not set")


def test_a_spool_in_use_is_named_with_its_reason(tmp_path: Path) -> None:
    """With the reason: a store that answers may still refuse what they hold."""
    text = (
        '[heartbeat]\nstore = "postgresql://127.0.0.1:1/none"\n[components.job]\nkind = "command"\ncommand = ["true"]\n'
    )
    (tmp_path / "heartbeat.toml").write_text(text + HEARD)
    assert heartbeat(tmp_path, "run").code == 0
    found = json.loads(heartbeat(tmp_path, "doctor", "--format", "json").out)
    (kept,) = (one["text"] for one in found if (one["topic"], one["level"]) == ("state", "warn"))
    assert "spool.db: has kept passes in place of the store since" in kept and "127.0.0.1:1" in kept
