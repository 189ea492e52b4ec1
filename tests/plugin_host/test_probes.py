"""Whatever a plug-in does in a check costs its own component alone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.store.sql.database import connect
from tests.parts.http import healthy_server
from tests.parts.plugins import HEAD, Packages

MOODY = (
    HEAD
    + """
import os, sys, threading, time
def probe(settings, context):
    print("noise on stdout"); print("and on stderr", file=sys.stderr)
    return globals()[settings.how](settings, context)
def well(settings, context):
    memory = {"n": context.memory.get("n", 0) + 1}
    return Reading("healthy", 0.25, metrics=(Metric("rounds", memory["n"], "counter"),), memory=memory)
def raises(settings, context):
    raise ValueError("no such thing, " + str(settings.token))
def cannot(settings, context):
    raise Unobservable("the door is locked")
def exits(settings, context):
    sys.exit(3)
def vanishes(settings, context):
    os._exit(0)
def crashes(settings, context):
    os.kill(os.getpid(), 11)
def hangs(settings, context):
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
def holds(settings, context):
    import re
    re.match(r"(a+)+$", "a" * 60 + "b")
def fills(settings, context):
    kept = []
    while True:
        kept.append(bytearray(1 << 24))
def threads(settings, context):
    threading.Thread(target=time.sleep, args=(600,)).start()
    return Reading("healthy")
def closes(settings, context):
    os.closerange(0, 100)
    return Reading("healthy")
def nothing(settings, context):
    return None
def word(settings, context):
    return "healthy"
def status(settings, context):
    return Reading("fine")
def never(settings, context):
    return Reading("healthy", attempts=0)
def backwards(settings, context):
    return Reading("healthy", attempts=-1_000_000)
def endless(settings, context):
    return Reading("healthy", attempts=10**400)
def once_true(settings, context):
    return Reading("healthy", attempts=True)
def half(settings, context):
    return Reading("healthy", attempts=1.5)
def often(settings, context):
    return Reading("healthy", attempts=63)
def figure(settings, context):
    return Reading("healthy", float("nan"), metrics=(Metric("a", float("inf")), Metric("b", 1.0)))
def label(settings, context):
    return Reading("healthy", metrics=(Metric("two words", 1.0),))
def huge(settings, context):
    return Reading("unhealthy", memory={"all": "x" * 5_000_000})
def verbose(settings, context):
    return Reading("unhealthy", error="x" * 5_000_000, evidence={"said": "y" * 5_000_000})
def long(settings, context):
    return Reading("unhealthy", error="x" * 50_000, evidence={"said": "\\x1b[31m" + "y" * 100_000})
def remembers(settings, context):
    return Reading("healthy", memory={"all": "x" * 100_000})
def odd(settings, context):
    return Reading("healthy", memory={"it": object()})
"""
)
CONFIG = '[heartbeat]\nstate_dir = "{}/state"\n'
OTHER = '[components.other]\nkind = "command"\ncommand = ["/bin/true"]\n'


@pytest.fixture
def moody(tmp_path: Path) -> Packages:
    found = Packages(tmp_path / "site")
    found.add("moods", monitors_moody=MOODY)
    return found


def configured(home: Path, *hows: str, more: str = "") -> None:
    parts = [CONFIG.format(home), OTHER]
    for how in hows:
        seconds = 1 if how in ("hangs", "holds") else 30
        parts.append(f'[components.{how}]\nkind = "moody"\nhow = "{how}"\ntimeout = {seconds}\nretries = 0\n{more}')
    (home / "heartbeat.toml").write_text("".join(parts))


def rows(home: Path, moody: Packages) -> dict[str, dict[str, Any]]:
    ended = moody.heartbeat(home, "check", "--all", "--format", "json")
    assert ended.err == ""
    return {row["component"]: row for row in json.loads(ended.out)}


PREFIX = "plug-in moody (moods 1.0): "


def line(code: str) -> str:
    """The place of a line of the plug-in, as it is shown."""
    number = next(n for n, text in enumerate(MOODY.splitlines(), 1) if code in text)
    return f"(hb_moods/moody.py:{number})"


def test_each_failure_is_said_with_the_plug_in_and_the_line(moody: Packages, tmp_path: Path) -> None:
    said = {
        "raises": f"ValueError: no such thing, ••• {line('raise ValueError')}",
        "exits": f"SystemExit: 3 {line('sys.exit(3)')}",
        "vanishes": "its process ended before it answered",
        "crashes": "its process ended before it answered",
        "hangs": "it did not end within 1 s and was killed",
        "holds": "it did not end within 1 s and was killed",
        "fills": f"MemoryError {line('bytearray')}",
        "nothing": "TypeError: it gave NoneType instead of a Reading",
        "word": "TypeError: it gave str instead of a Reading",
        "status": "Reading.status is 'fine'; expected one of healthy, degraded, unhealthy, error, unknown",
        "label": "a Metric is called 'two words'; expected snake_case of at most 100 characters",
        "never": "Reading.attempts is 0; expected a whole number from 1 to 63",
        "backwards": "Reading.attempts is -1000000; expected a whole number from 1 to 63",
        "endless": f"Reading.attempts is 1{'0' * 58}…; expected a whole number from 1 to 63",
        "once_true": "Reading.attempts is True; expected a whole number from 1 to 63",
        "half": "Reading.attempts is 1.5; expected a whole number from 1 to 63",
        "huge": "it gave what cannot be passed on: it has more than 1048576 bytes",
        "remembers": "Reading.memory has 100011 bytes; expected at most 65536",
        "odd": "it gave what cannot be passed on: object is no plain value",
        "closes": "its process ended before it answered",
    }
    configured(tmp_path, *said, more='token = "Geheimnis99x"\n')
    begun = time.monotonic()
    found = rows(tmp_path, moody)
    assert time.monotonic() - begun < 60, "they run at the same time, and each is ended"
    assert found.pop("other")["status"] == "healthy"
    assert {id_: row["status"] for id_, row in found.items()} == dict.fromkeys(said, "unknown")
    assert {id_: row["error"] for id_, row in found.items()} == {id_: PREFIX + text for id_, text in said.items()}


def figures(row: dict[str, Any]) -> dict[str, float]:
    return {one["metric_name"]: one["metric_value"] for one in row["metrics"]}


def test_what_is_right_counts(moody: Packages, tmp_path: Path) -> None:
    configured(tmp_path, "well", "cannot", "threads", "often", "figure", "long", "verbose")
    first, second = rows(tmp_path, moody), rows(tmp_path, moody)
    assert (first["well"]["status"], first["well"]["response_time"]) == ("healthy", 0.25)
    assert [figures(row["well"]) for row in (first, second)] == [{"rounds": 1.0}, {"rounds": 2.0}]
    assert (first["cannot"]["status"], first["cannot"]["error"]) == ("unknown", "the door is locked")
    assert first["threads"]["status"] == first["often"]["status"] == "healthy"
    assert first["figure"]["response_time"] is None
    assert figures(first["figure"]) == {"b": 1.0}
    assert first["long"]["error"] == first["verbose"]["error"] == "x" * 299 + "…"
    assert first["verbose"]["status"] == "unhealthy"


BATCH = (
    HEAD
    + """
def probe_all(pairs):
    return [one(settings.how, context) for settings, context in pairs]
def one(how, context):
    if how == "evidence":
        return Reading("unhealthy", error="e" * 2_000_000, evidence={"body": chr(0x1f600) * 1_100_000})
    if how == "memory":
        return Reading("healthy", memory={"all": "x" * 1_100_000})
    if how == "remembers":
        return Reading("healthy", memory={"n": len(context.memory), "all": "x" * 60_000})
    if how == "often":
        return Reading("healthy", attempts=64)
    if how == "late":
        return Reading("healthy", 10**400)
    return {"nothing": None, "odd": Reading("healthy", memory={"it": object()})}.get(how, Reading(how))
"""
)


def test_one_of_many_at_once_costs_the_others_nothing(tmp_path: Path) -> None:
    packages = Packages(tmp_path / "site")
    packages.add("two", monitors_batch=BATCH)
    hows = ["healthy", "unhealthy", "evidence", "memory", "nothing", "odd", "often", "late", *["remembers"] * 25]
    parts = [f'[components."{n}-{how}"]\nkind = "batch"\nhow = "{how}"\n' for n, how in enumerate(hows)]
    (tmp_path / "heartbeat.toml").write_text(CONFIG.format(tmp_path) + "".join(parts))
    for _ in range(2):  # the second time all that they remember goes there, too: more than a message may hold
        found = {id_.partition("-")[2]: row for id_, row in rows(tmp_path, packages).items()}
        said = {how: (row["status"], (row["error"] or "").partition("): ")[2]) for how, row in found.items()}
        assert said == {
            "healthy": ("healthy", ""),
            "unhealthy": ("unhealthy", ""),
            "evidence": ("unhealthy", ""),
            "memory": ("unknown", "it gave what cannot be passed on: it has more than 524288 bytes"),
            "nothing": ("unknown", "it gave NoneType instead of a Reading"),
            "odd": ("unknown", "it gave what cannot be passed on: object is no plain value"),
            "often": ("unknown", "Reading.attempts is 64; expected a whole number from 1 to 63"),
            "late": ("healthy", ""),
            "remembers": ("healthy", ""),
        }


def test_what_others_wrote_into_the_store_for_one_costs_the_others_nothing(tmp_path: Path) -> None:
    packages = Packages(tmp_path / "site")
    packages.add("two", monitors_batch=BATCH)
    parts = [f'[components.{how}]\nkind = "batch"\nhow = "{how}"\n' for how in ("healthy", "remembers")]
    (tmp_path / "heartbeat.toml").write_text(CONFIG.format(tmp_path) + "".join(parts))
    rows(tmp_path, packages)
    db = connect(f"sqlite:///{tmp_path}/state/heartbeat.db", 5)
    memory = json.dumps({"x": "y" * 1_100_000})
    assert db.run("UPDATE heartbeat_looks SET memory = ? WHERE component LIKE 'rem%'", (memory,)) == 1
    db.close()
    found = rows(tmp_path, packages)
    assert found["healthy"]["status"] == "healthy"
    assert found["remembers"]["error"] == (
        "plug-in batch (two 1.0): it cannot be asked about that: it has more than 1048576 bytes"
    )


def test_many_at_once_and_an_exchange(tmp_path: Path) -> None:
    packages = Packages(tmp_path / "site")
    batch = (
        HEAD
        + """
def probe_all(pairs):
    return [Reading(settings.how) for settings, _ in pairs]
"""
    )
    exchange = (
        HEAD
        + """
def request(settings, context):
    return Request(settings.how)
def read(settings, response, context):
    if response.fault:
        return Reading("error", error=response.fault.text)
    if response.url.endswith("/more"):
        raise ValueError("once is enough")
    def then(more):
        return Reading("healthy", more.elapsed, evidence={"body": more.body.decode()})
    return FollowUp(Request(settings.how + "/more"), then)
"""
    )
    packages.add("two", monitors_batch=batch, monitors_asks=exchange)
    with healthy_server() as server:
        parts = [CONFIG.format(tmp_path)]
        for how in ("healthy", "unhealthy", "ill"):
            parts.append(f'[components.{how}]\nkind = "batch"\nhow = "{how}"\n')
        parts.append(f'[components.asks]\nkind = "asks"\nhow = "{server.url}"\n')
        parts.append('[components.away]\nkind = "asks"\nhow = "http://127.0.0.1:1"\nretries = 0\n')
        (tmp_path / "heartbeat.toml").write_text("".join(parts))
        found = rows(tmp_path, packages)
    assert {id_: row["status"] for id_, row in found.items()} == {
        "healthy": "healthy",
        "unhealthy": "unhealthy",
        "ill": "unknown",
        "asks": "healthy",
        "away": "error",
    }


def left(packages: Packages) -> list[str]:
    """The processes that still have these packages in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(packages.folder).encode() in place.read_bytes():
                found.append(place.parent.joinpath("cmdline").read_text())
        except OSError:
            continue
    return found


def nothing_is_left(packages: Packages) -> bool:
    until = time.monotonic() + 30
    while left(packages) and time.monotonic() < until:
        time.sleep(0.05)
    return left(packages) == []


def test_no_process_is_left(moody: Packages, tmp_path: Path) -> None:
    configured(tmp_path, "well", "hangs", "threads", "vanishes")
    assert rows(tmp_path, moody)["hangs"]["status"] == "unknown"
    assert nothing_is_left(moody)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_nor_where_the_pass_is_ended(moody: Packages, tmp_path: Path, number: int, code: int) -> None:
    """The plug-in, which ignores Ctrl-C, never hears of it."""
    reached = tmp_path / "reached"
    source = (
        HEAD
        + f"""
import pathlib, time
def probe(settings, context):
    pathlib.Path({str(reached)!r}).touch()
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass
"""
    )
    moody.add("deaf", monitors_deaf=source)
    (tmp_path / "heartbeat.toml").write_text('[components.it]\nkind = "deaf"\ntimeout = 600\n')
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(moody.folder)}
    argv = [sys.executable, "-m", "heartbeat_cli", "check", "--all"]
    one = subprocess.Popen(argv, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not reached.exists():
        assert one.poll() is None
        time.sleep(0.02)
    one.send_signal(number)
    one.communicate(timeout=60)
    assert one.returncode == code
    assert nothing_is_left(moody)


def test_a_component_that_is_never_seen_is_told(moody: Packages, tmp_path: Path) -> None:
    log = f'[channels.log]\nkind = "file"\npath = "{tmp_path}/told.jsonl"\n'
    configured(tmp_path, "raises", more="interval = 0.01\n" + log)
    for _ in range(3):
        assert moody.heartbeat(tmp_path, "run").code == 0
    (told,) = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    assert told["type"] == "moody_unobserved" and line("raise ValueError") in told["text"]


def test_no_secret_of_a_plug_in_is_kept_or_shown(tmp_path: Path) -> None:
    """A check, a step and a channel that each repeat what they were given."""
    packages = Packages(tmp_path / "site")
    packages.add(
        "loose",
        monitors_probes=HEAD
        + "def probe(s, c):\n    return Reading('unhealthy', error=s.token, memory={'it': s.token})\n",
        actions_steps=HEAD + "def run(s, *, timeout):\n    return Outcome('failed', s.token, s.token)\n",
        channels_sends=HEAD + "def send(s, message, *, timeout):\n    raise ValueError(s.token + message.text)\n",
    )
    (tmp_path / "secret").write_text("Geheimnis99x")
    token = 'token = "file:secret"\n'
    parts = [CONFIG.format(tmp_path), "[recovery]\nverify_wait = 1\n", '[channels.c]\nkind = "sends"\n', token]
    parts += ['[components.it]\nkind = "probes"\nfail_threshold = 1\ninterval = 0.01\n', token]
    parts += ['[[components.it.recovery.ladder]]\naction = "steps"\n', token]
    (tmp_path / "heartbeat.toml").write_text("".join(parts))
    said = [packages.heartbeat(tmp_path, *words) for words in (("run",), ("run", "-v"), ("alerts",), ("doctor",))]
    assert "steps" in said[1].err + said[2].out, "a step was taken"
    assert all("Geheimnis" not in one.out + one.err for one in said)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert b"plug-in sends (loose 1.0)" in kept and b"Geheimnis" not in kept


ADVICE = "DESCRIPTION = 'Nobody gets <b>mail</b>.'\nADVICE = ('Look at {id}.', 'Ask the postmaster.')\n"
GENERAL = ["Read what the check found, above, and look at it by hand.", "Read its log from the time when it failed."]


@pytest.mark.parametrize(
    ("words", "description", "advice"),
    [(ADVICE, "Nobody gets <b>mail</b>.", ["Look at it.", "Ask the postmaster."]), ("", "", GENERAL)],
)
def test_a_fault_comes_with_advice(words: str, description: str, advice: list[str], tmp_path: Path) -> None:
    packages = Packages(tmp_path / "site")
    packages.add("post", monitors_post=HEAD + words + "def probe(s, c):\n    return Reading('unhealthy')\n")
    log = f'[channels.log]\nkind = "file"\npath = "{tmp_path}/told.jsonl"\n'
    (tmp_path / "heartbeat.toml").write_text(f'{log}[components.it]\nkind = "post"\nfail_threshold = 1\n')
    assert packages.heartbeat(tmp_path, "run").code == 0
    (told,) = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    assert told["type"] == "post_down" and description in told["text"]
    for number, line in enumerate(advice, 1):
        assert f"{number}. {line}" in told["text"]
