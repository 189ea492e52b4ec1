"""`heartbeat status`: where everything stands, and whether that is still news."""

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.parts.hosts import Hosts
from tests.parts.outage import Outage
from tests.parts.stores import opened
from tests.parts.verb import heartbeat


def age(home: Path, seconds: float) -> None:
    """Let the last looks be that old."""
    with sqlite3.connect(home / ".local/state/heartbeat/heartbeat.db") as db:
        db.execute("UPDATE heartbeat_looks SET at = at - ?", (seconds,))
    db.close()


NO_READER = "No channel reaches a person: messages are only printed. Add a [channels.…] section."


def test_never_looked_at(tmp_path: Path) -> None:
    Outage(tmp_path)
    ended = heartbeat(tmp_path, "status")
    assert (ended.code, ended.err) == (1, f"{NO_READER}\n")
    assert ended.out.splitlines()[2].split() == ["thing", "command", "unknown", "unknown", "-", "never"]
    assert heartbeat(tmp_path, "status", "--format", "nagios") == (3, "HEARTBEAT UNKNOWN - thing: unknown\n", "")


def test_the_name_stands_beside_the_id(tmp_path: Path) -> None:
    named = '[components.main]\nkind = "command"\nname = "Main Agent"\ncommand = ["/bin/true"]\n'
    Outage(tmp_path, more=named).run()
    heads, _, thing, main = heartbeat(tmp_path, "status").out.splitlines()
    assert heads.split()[:3] == ["Component", "Name", "Kind"]
    assert (thing.split()[:2], main.split()[:4]) == (["thing", "command"], ["main", "Main", "Agent", "command"])


def test_what_was_checked_and_not_judged_yet_is_not_called_unknown(tmp_path: Path) -> None:
    Outage(tmp_path)
    assert heartbeat(tmp_path, "check", "--all").code == 0
    ended = heartbeat(tmp_path, "status")
    assert (ended.code, "unknown" in ended.out) == (1, False)
    assert re.search(r"thing +command +not judged yet +healthy", ended.out)
    assert ended.err.endswith("heartbeat: 1 component has been checked, but not judged: `heartbeat run` does both\n")
    assert json.loads(heartbeat(tmp_path, "status", "--format", "json").out)[0]["state"] == "unknown"
    heartbeat(tmp_path, "detect")
    assert "judged" not in "".join(map(str, heartbeat(tmp_path, "status")))


def test_a_step_that_helped_is_told_until_the_fault_ends(tmp_path: Path) -> None:
    """`recover` has seen the component pass its check; the fault ends with the next one."""
    (tmp_path / "mend").write_text(f"#!/bin/sh\nrm {tmp_path}/broken\n")
    (tmp_path / "mend").chmod(0o755)
    ladder = f'{{ mode = "ask", ladder = [{{ action = "command", command = ["{tmp_path}/mend"] }}] }}'
    thing = Outage(tmp_path, recovery=ladder)
    thing.down()
    assert heartbeat(tmp_path, "recover", "--component", "thing").out.endswith(
        ", healthy again; the fault ends with the next checks\n"
    )
    ended = heartbeat(tmp_path, "status")
    assert re.search(
        r"fault \(2\) .*healthy since the last step, the fault ends with the next checks; .*it is broken", ended.out
    )
    (row,) = json.loads(heartbeat(tmp_path, "status", "--format", "json").out)
    assert row["verified"] is not None
    thing.run()
    assert json.loads(heartbeat(tmp_path, "status", "--format", "json").out)[0]["verified"] is None


def test_a_story(tmp_path: Path) -> None:
    thing = Outage(tmp_path)
    thing.run()
    assert heartbeat(tmp_path, "status").code == 0
    thing.breaks()
    thing.run()
    assert "suspect (1)" in heartbeat(tmp_path, "status").out
    assert heartbeat(tmp_path, "status", "--format", "nagios").code == 1
    thing.run()
    ended = heartbeat(tmp_path, "status")
    assert ended.code == 1
    assert re.search(r"thing +command +fault \(2\) +unhealthy +\d+ ms +\S+ s ago +it is broken; since ", ended.out)
    (row,) = json.loads(heartbeat(tmp_path, "status", "--format", "json").out)
    assert (row["state"], row["fail_count"], row["incident"] is None) == ("fault", 2, False)
    thing.heals()
    thing.run()
    assert heartbeat(tmp_path, "status").code == 0


def test_a_good_state_of_long_ago_is_no_news(tmp_path: Path) -> None:
    """cron has stopped: nothing may go on saying that all is well."""
    Outage(tmp_path).run()
    age(tmp_path, 7200)
    ended = heartbeat(tmp_path, "status")
    assert ended.code == 1
    assert "2 h ago" in ended.out
    assert "no longer checked" in ended.out
    assert json.loads(heartbeat(tmp_path, "status", "--format", "json").out)[0]["late"] is True
    plugin = heartbeat(tmp_path, "status", "--format", "nagios")
    assert plugin.code == 3
    assert plugin.out.startswith("HEARTBEAT UNKNOWN - thing: not looked at for 2 h")


def test_only_some(tmp_path: Path) -> None:
    Outage(tmp_path, more='[components.job]\nkind = "push"\nperiod = 60\n').run()
    ended = heartbeat(tmp_path, "status", "--component", "push")
    assert [line.split()[0] for line in ended.out.splitlines()[2:]] == ["job"]


def test_no_components(tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text("[heartbeat]\n")
    assert heartbeat(tmp_path, "status") == (0, "", f"{NO_READER}\nNo components are configured.\n")
    assert heartbeat(tmp_path, "status", "--format", "json") == (0, "[]\n", "")
    line = "HEARTBEAT UNKNOWN - no components are configured\n"
    assert heartbeat(tmp_path, "status", "--format", "nagios") == (3, line, "")


def test_it_says_when_the_store_was_away(tmp_path: Path) -> None:
    Outage(tmp_path).run()
    now = time.time()
    with sqlite3.connect(tmp_path / ".local/state/heartbeat/heartbeat.db") as db:
        db.execute("INSERT INTO heartbeat_degraded VALUES ('d', 'me', ?, 'refused', ?)", (now - 7200, now - 3600))
        db.execute("INSERT INTO heartbeat_degraded VALUES ('old', 'me', ?, 'refused', ?)", (now - 2e5, now - 1e5))
    db.close()
    ended = heartbeat(tmp_path, "status")
    first, line = ended.err.splitlines()
    assert first == NO_READER
    assert re.fullmatch(
        r"heartbeat: the store was away from \d{4}-\d\d-\d\d [\d:]{8} until \d{4}-\d\d-\d\d [\d:]{8}: refused", line
    )
    assert heartbeat(tmp_path, "status", "--format", "json").err == ""


def test_who_is_wanted_and_who_is_not_told(tmp_path: Path) -> None:
    thing = Outage(tmp_path, recovery='{ mode = "ask", ladder = [{ action = "command", command = ["true"] }] }')
    thing.down()
    assert "waits for your word: heartbeat recover --component thing" in heartbeat(tmp_path, "status").out
    heartbeat(tmp_path, "silence", "thing", "--reason", "works")
    heartbeat(tmp_path, "ack", "thing")
    (row,) = json.loads(heartbeat(tmp_path, "status", "--format", "json").out)
    assert row["waits_for_you"] is True and row["needs_person"] is False
    assert row["acked"] and row["acked_by"] and row["quiet"]["kind"] == "silence" and row["quiet"]["reason"] == "works"
    out = heartbeat(tmp_path, "status").out
    assert "Acknowledged by" in out and "silenced until" in out and "it is broken" in out


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Callable[..., Hosts]]:
    """Several hosts over one store, a letter each; their time is the time of day."""
    url = f"sqlite:///{tmp_path}/store.db"
    with closing(opened(url)) as db:

        def made(names: str, **more: object) -> Hosts:
            several = Hosts(db, url, tmp_path, names, **more)
            several.now = time.time() - 300
            return several

        yield made


def test_what_too_few_see_fail_needs_a_person(hosts: Callable[..., Hosts]) -> None:
    two = hosts("ab", quorum=3)
    two.round(5, a="error", b="error")
    folder = two.toml("a").parent
    (row,) = json.loads(heartbeat(folder, "status", "--format", "json").out)
    assert (row["needs_person"], row["unconfirmed"], row["status"], row["incident"]) == (True, True, "unknown", None)
    ended = heartbeat(folder, "status")
    assert ended.code == 1
    assert "Needs a person; fails, not confirmed: 2 of 2 hosts see it fail (quorum 3)" in ended.out
    two.round(2, a="healthy", b="healthy")
    (row,) = json.loads(heartbeat(folder, "status", "--format", "json").out)
    assert (row["needs_person"], row["unconfirmed"]) == (False, False)


def test_a_fault_whose_healer_is_gone_needs_a_person(hosts: Callable[..., Hosts]) -> None:
    two = hosts("ab", quorum=1, recovery={"ladder": [{"action": "command", "command": ["true"]}]}, healer="b")
    two.now -= 900
    two.round(1, a="healthy", b="healthy")
    two.round(36, a="error")
    folder = two.toml("a").parent
    (row,) = json.loads(heartbeat(folder, "status", "--format", "json").out)
    assert (row["state"], row["needs_person"], row["waits_for_you"]) == ("fault", True, False)
    ended = heartbeat(folder, "recover", "--component", "web")
    assert ended.code == 1
    assert "web: held: nobody restarts it: its healer b has made no pass since" in ended.out
    two.round(1, b="error")
    (row,) = json.loads(heartbeat(folder, "status", "--format", "json").out)
    assert row["needs_person"] is False
    assert heartbeat(folder, "recover", "--component", "web").code == 0


def test_a_host_is_silent_by_what_this_one_has_seen_and_not_by_its_clock(hosts: Callable[..., Hosts]) -> None:
    two = hosts("ab")
    two.now = time.time() - 480
    for _ in range(4):
        two.check("a", "healthy")
        two.keep("b", "healthy", at=two.now - 7_200)  # its clock is two hours behind
        two.now += 30
    for _ in range(12):
        two.check("a", "healthy")
        two.now += 30
    folder = two.toml("a").parent
    assert "b has made no pass for 6 min" in heartbeat(folder, "status").err
    two.keep("b", "healthy", at=two.now - 7_200)
    two.check("a", "healthy")
    assert "has made no pass" not in heartbeat(folder, "status").err


def test_the_table_says_who_sees_it_fail(hosts: Callable[..., Hosts]) -> None:
    three = hosts("abc")
    three.round(5, a="healthy", b="healthy", c="error")
    folder = three.toml("a").parent
    assert "1 of 3 hosts sees it fail (quorum 2): c: c got error" in heartbeat(folder, "status").out
    three.round(5, a="healthy", b="unhealthy", c="error")
    out = heartbeat(folder, "status").out
    assert "2 of 3 hosts see it fail (quorum 2): b: b got unhealthy; c: c got error" in out


def test_that_no_channel_reaches_a_person_is_said_first(tmp_path: Path) -> None:
    """In both languages, to programs for each component, and no more once there is a channel that people read."""
    thing = Outage(tmp_path)
    thing.run()
    assert heartbeat(tmp_path, "status").err.splitlines()[0] == NO_READER
    (row,) = json.loads(heartbeat(tmp_path, "status", "--format", "json").out)
    assert row["reaches_person"] is False
    config = tmp_path / "heartbeat.toml"
    config.write_text(f'{config.read_text()}\n[channels.log]\nkind = "file"\npath = "{tmp_path}/log"\n')
    assert heartbeat(tmp_path, "status").err == ""
    (row,) = json.loads(heartbeat(tmp_path, "status", "--format", "json").out)
    assert row["reaches_person"] is True


def test_what_waits_for_a_channel_that_is_gone_is_said(tmp_path: Path) -> None:
    """By `status` and `config check` until the next run, which says where it went."""
    thing = Outage(tmp_path)
    config = tmp_path / "heartbeat.toml"
    plain = config.read_text()
    channel = '\n[channels.{0}]\nkind = "file"\npath = "{1}/{0}/log"\n'
    config.write_text(plain + channel.format("old", tmp_path))
    thing.breaks()
    thing.run()
    thing.run()
    (tmp_path / "new").mkdir()
    config.write_text(plain + channel.format("new", tmp_path))
    assert "1 message for channel old, which is not in the configuration: not" in heartbeat(tmp_path, "status").err
    checked = heartbeat(tmp_path, "config", "check")
    assert checked.code == 0 and "1 message for channel old" in checked.err
    said = heartbeat(tmp_path, "run")
    assert "channel old is no longer in the configuration: 1 message for it sent to new" in said.err
    assert (tmp_path / "new/log").read_text().count("\n") == 1
    assert "1 message for channel old, which is not in the configuration: sent" in heartbeat(tmp_path, "status").err
    assert "old" not in heartbeat(tmp_path, "config", "check").err
