"""The dead-man's ping of a run, against real servers that take it, hang, refuse and are not there."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heartbeat_cli.passes.housekeeping.ping import Ping
from heartbeat_cli.system import lock
from tests.parts import hostile
from tests.parts.http import Answer, Server, healthy_server
from tests.parts.outage import Outage
from tests.parts.verb import heartbeat
from tests.parts.watch import kept_in

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}"


def watched(folder: Path, url: str, more: str = "", **keys: str) -> Outage:
    return Outage(folder, more=more, also=f'[heartbeat]\nping_url = "{url}/s3cr3t-1d"\n' + keys.get("also", ""))


def notified(server: Server) -> list[tuple[str, str]]:
    """Path without the run's id, and body, of each ping; the id of a pair is one and the same."""
    ids = [re.search(rf"[?&]rid=({UUID})$", one.path) for one in server.seen]
    assert all(ids)
    for first, second in zip(server.seen, ids[1:], strict=False):
        assert second is not None and (second[1] in first.path) == ("/start" in first.path)
    return [(re.sub(r"[?&]rid=.*", "", one.path).removeprefix("/s3cr3t-1d"), one.body.decode()) for one in server.seen]


@pytest.mark.whole
def test_a_run_says_when_it_begins_and_how_it_ended(tmp_path: Path) -> None:
    with healthy_server() as server:
        thing = watched(tmp_path, server.url)
        assert thing.run() == (0, "", "")
        assert notified(server) == [("/start", ""), ("", "checked 1, 0 in fault, 0 notifications sent")]
        thing.breaks()
        thing.run(2)
        assert notified(server)[-2:] == [("/start", ""), ("", "checked 1, 1 in fault, 0 notifications sent, 1 printed")]
        assert {one.method for one in server.seen} == {"POST"}


def test_a_lost_reference_is_exit_2(tmp_path: Path) -> None:
    more = '[components.db]\nkind = "database"\ndsn = "file:secret"\n'
    with healthy_server() as server:
        assert watched(tmp_path, server.url, more=more).run().code == 2
        (_, (path, body)) = notified(server)
    assert path == "/2"
    assert body.startswith("checked 2, 0 in fault") and "components.db.dsn: cannot read secret" in body


def test_a_run_that_could_not_do_its_work_is_exit_3(tmp_path: Path) -> None:
    """Nothing can be written: neither the store nor either place of what stands in for it can be had."""
    with healthy_server() as server:
        watched(tmp_path, server.url)
        argv = ["prlimit", "--fsize=0", sys.executable, "-m", "heartbeat_cli", "run"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        ended = subprocess.run(
            argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        (_, (path, body)) = notified(server)
    assert (ended.returncode, path) == (3, "/3")
    assert body and body in ended.stderr


def test_a_run_that_cannot_even_begin_is_exit_3(tmp_path: Path) -> None:
    (tmp_path / ".local/state").mkdir(parents=True)
    (tmp_path / ".local/state/heartbeat").write_text("no folder")
    with healthy_server() as server:
        assert watched(tmp_path, server.url).run().code == 3
        assert [path for path, _ in notified(server)] == ["/3"]


def test_a_run_that_is_killed_says_only_its_start(tmp_path: Path) -> None:
    slow = '[components.slow]\nkind = "command"\ncommand = ["sleep", "20"]\ntimeout = 20\n'
    with healthy_server() as server:
        watched(tmp_path, server.url, more=slow)
        argv = [sys.executable, "-m", "heartbeat_cli", "run"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        with subprocess.Popen(argv, cwd=tmp_path, env=environment, start_new_session=True) as child:
            until = time.monotonic() + 15
            while not server.seen and time.monotonic() < until:
                time.sleep(0.02)
            child.send_signal(signal.SIGKILL)
        assert notified(server) == [("/start", "")]


@pytest.mark.parametrize("version", ["this", "earlier"])
def test_a_run_that_leaves_because_another_is_busy_says_nothing(tmp_path: Path, version: str) -> None:
    """Another one of this version, or, during an upgrade, one that locks the state folder itself."""
    with healthy_server() as server:
        thing = watched(tmp_path, server.url, also=f'state_dir = "{tmp_path}/state"\n')
        own = kept_in(thing.config).parent
        with lock.only_one(own if version == "this" else own.parent):
            assert thing.run() == (0, "", "")
            assert server.seen == []
        assert thing.run() == (0, "", "")
        assert len(server.seen) == 2


@pytest.mark.whole
@pytest.mark.parametrize("behaviour", [hostile.silent, hostile.drips_headers])
def test_a_server_that_hangs_breaks_nothing(tmp_path: Path, behaviour: hostile.Behaviour) -> None:
    with hostile.hostile_server(behaviour) as server:
        watched(tmp_path, server.url)
        begun = time.monotonic()
        ended = heartbeat(tmp_path, "run", "-v")
        assert time.monotonic() - begun < 8  # the pings' own two seconds and a start on a busy machine
    assert ended.code == 0
    assert re.search(r"^ping: .*within|^ping: .*answer", ended.err, re.M)
    assert "s3cr3t" not in ended.err


def test_nobody_there_and_a_refusal_are_said_to_who_asks(tmp_path: Path) -> None:
    with healthy_server(Answer(429, b"slow down")) as server:
        thing = watched(tmp_path, server.url)
        assert thing.run() == (0, "", "")
        assert heartbeat(tmp_path, "run", "-v").err.splitlines()[-1] == "ping: answered 429"
        server.answer = Answer(302, b"", (("Location", "/s3cr3t-1d/again"),))
        ended = heartbeat(tmp_path, "run", "-v")
        assert "ping: redirected more than" in ended.err and "s3cr3t" not in ended.err
    ended = heartbeat(tmp_path, "run", "-v")
    assert ended.code == 0
    assert "ping: " in ended.err.splitlines()[-1] and "refused" in ended.err
    assert "s3cr3t" not in ended.err


def test_no_secret_goes_out_or_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with healthy_server() as server:
        watched(tmp_path, server.url)
        shown = heartbeat(tmp_path, "config", "show").out
        assert 'ping_url = "•••"' in shown and "s3cr3t" not in shown
    (tmp_path / "heartbeat.toml").write_text('[heartbeat]\nping_url = "ftp://host/s3cr3t-1d"\n')
    line = "heartbeat: heartbeat.toml:2: heartbeat.ping_url: expected http://host/path or https://host/path\n"
    assert heartbeat(tmp_path, "config", "check") == (2, "", line)


def test_an_address_with_a_query(tmp_path: Path) -> None:
    with healthy_server() as server:
        ping = Ping(f"{server.url}/key/slug/?create=1#part", None, tmp_path)
        ping.begin()
        assert ping.end(0, "主") is None
        assert [re.sub("rid=.*", "", one.path) for one in server.seen] == [
            "/key/slug/start?create=1&",
            "/key/slug?create=1&",
        ]
        assert server.seen[1].body.decode() == "主"


def run(server: Server, folder: Path, code: int = 0) -> list[str]:
    """One run that pings every hour at most; the paths of its pings."""
    server.seen.clear()
    ping = Ping(f"{server.url}/x", 3600, folder)
    ping.begin()
    ping.end(code, "")
    return [one.path.partition("?")[0] for one in server.seen]


def test_one_pair_in_a_while(tmp_path: Path) -> None:
    pair = ["/x/start", "/x"]
    with healthy_server() as server:
        assert [run(server, tmp_path) for _ in range(3)] == [pair, [], []]
        stamp = tmp_path / "pinged"
        assert stamp.stat().st_mode & 0o777 == 0o600
        os.utime(stamp, (time.time() - 3595,) * 2)
        assert run(server, tmp_path) == pair, "cron comes a little early"
        os.utime(stamp, (time.time() + 9999,) * 2)
        assert run(server, tmp_path) == pair, "the clock was put back"
        assert run(server, tmp_path, 3) == ["/x/3"], "a failure does not wait"
        assert run(server, tmp_path) == pair, "nor does its end"
        os.utime(stamp, (0, 0))
        server.answer = Answer(500)
        assert run(server, tmp_path) == pair
        server.answer = Answer()
        assert run(server, tmp_path) == pair, "what was not taken is said again"
