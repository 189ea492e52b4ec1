"""A storm: 250 components fail at once, and 50 channels are to hear of it. What the pass costs, when its lock is free
again, and how soon a channel that works has heard, while the others hang, refuse, or take every message by itself."""

import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate
from tests.parts.http import Answer, Server, healthy_server
from tests.parts.scene import START, Scene
from tests.parts.stores import opened

from bench._measure import ENVIRONMENT, Rows, heartbeat, relative, target
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.passes.deliver.deliver import Delivering
from heartbeat_cli.store.outbox import alerts

_FAULTS, _CHANNELS = 250, 50
_ALERTS = 50
_HANGS, _PASSES = 30.0, 3
_LOCKED, _HEARD = 12.0, 8.0  # seconds: of 250 checks, their judgement, and the first second of delivery; and to be told
_GROWS = 2.0  # times: what a message may cost among ten times as many

_HEAD = """
[heartbeat]
store = "sqlite:///{folder}/store.db"
state_dir = "{folder}/state"
remind_after = 0
"""
_COMPONENT = """
[components.c{number:03}]
kind = "agent"
url = "http://127.0.0.1:9/health"
interval = 0.01
retries = 0
fail_threshold = 1
recovery = "off"
"""
_CHANNEL = """
[channels.{name}]
kind = "webhook"
url = "{url}/{name}"
digest = {digest}
"""


class Passed(NamedTuple):
    """One pass: its CPU and wall time, when its lock was free and when the channel that works had its first message
    (seconds from its start; None: not in this pass), and how many messages were taken in it."""

    cpu: float
    wall: float
    free: float
    heard: float | None
    taken: int


def main() -> Rows:
    judged: Rows = []
    with tempfile.TemporaryDirectory() as folder, healthy_server() as server:
        rows = []
        for name, others, digest in (
            ("49 hang", Answer(delay=_HANGS), True),
            ("49 answer 503", Answer(503), True),
            ("all work, each alert its own message", Answer(200), False),
        ):
            place = Path(folder) / name.replace(" ", "-")
            place.mkdir()
            passes = storm(place, server, others, digest)
            rows += [(name, number, *_figures(one)) for number, one in enumerate(passes, 1)]
            heard = [
                sum(p.wall for p in passes[:n]) + one.heard for n, one in enumerate(passes) if one.heard is not None
            ]
            judged += target(f"s until the lock is free, {name}", max(one.free for one in passes), _LOCKED)
            judged += target(f"s until a working channel has heard, {name}", min(heard, default=999.0), _HEARD)
        print(f"{_FAULTS} faults at once on {_CHANNELS} channels, passes one after the other")
        print(tabulate(rows, headers=["others", "pass", "CPU s", "wall s", "lock free s", "heard s", "messages"]))
        print()
        judged += _grows(Path(folder))
    return judged


def _grows(folder: Path) -> Rows:
    """The CPU of a message, each alert its own, among two hundred that wait and among two thousand."""
    each = {}
    for turn, channels in enumerate((4, 4, 40)):  # the first pays for the imports, too
        place = folder / f"grows-{turn}"
        place.mkdir()
        url, names = f"sqlite:///{place}/store.db", [f"c{number:02}" for number in range(channels)]
        db = opened(url)
        files = {name: {"kind": "file", "path": f"{place}/{name}.log", "digest": False} for name in names}
        scene = Scene(db, url, place, {"db": {"kind": "tcp", "host": "127.0.0.1", "port": 1}}, files)
        with db.transaction():
            for number in range(_ALERTS):
                alerts.add(
                    db, Alert(f"a{number}", "tcp_down", "high", "t", "db", START, f"i{number}", "r"), names, START
                )
        delivering, begun = Delivering(scene.config, scene.clock), time.process_time()
        while delivering.unfinished:
            delivering.work(db)
        each[channels] = (time.process_time() - begun) / len(delivering.results)
        db.close()
    few, many = each.values()
    print(f"CPU of a message: {few * 1000:.2f} ms among {4 * _ALERTS:,}, {many * 1000:.2f} ms among {40 * _ALERTS:,}")
    return relative("times as much among ten times as many", many / few, _GROWS)


def storm(place: Path, server: Server, others: Answer, digest: bool) -> list[Passed]:
    """Passes one after the other over a new store in which everything fails at once."""
    server.answers = {f"/c{number:02}": others for number in range(_CHANNELS - 1)}
    blocks = [_HEAD.format(folder=place), *(_COMPONENT.format(number=number) for number in range(_FAULTS))]
    names = [*(f"c{number:02}" for number in range(_CHANNELS - 1)), "works"]
    word = str(digest).lower()
    blocks += [_CHANNEL.format(name=name, url=server.url, digest=word) for name in names]
    config = place / "heartbeat.toml"
    config.write_text("".join(blocks))
    return [_pass(config, place, server) for _ in range(_PASSES)]


def _pass(config: Path, place: Path, server: Server) -> Passed:
    server.seen.clear()
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen(heartbeat(config, "run"), env=ENVIRONMENT, stderr=subprocess.DEVNULL)
    freed: list[float] = []
    watching = threading.Thread(target=_watch, args=(place / "state", process, begun, freed))
    watching.start()
    heard = None
    while process.poll() is None:
        if heard is None and any(one.path == "/works" for one in list(server.seen)):
            heard = time.monotonic() - begun
        time.sleep(0.02)
    wall = time.monotonic() - begun
    watching.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Passed(cpu, wall, freed[0] if freed else wall, heard, len(server.seen))


def _watch(folder: Path, process: "subprocess.Popen[bytes]", begun: float, freed: list[float]) -> None:
    """When the lock that the pass has taken is free again; asked of the kernel, so that nobody finds it taken by us."""
    taken = False
    while process.poll() is None:
        inodes = [f":{path.stat().st_ino} " for path in folder.rglob("run.lock")]
        held = [line for line in Path("/proc/locks").read_text().splitlines() if any(one in line for one in inodes)]
        if taken and not held:
            freed.append(time.monotonic() - begun)
            return
        taken = taken or bool(held)
        time.sleep(0.02)


def _figures(one: Passed) -> tuple[str, ...]:
    heard = "" if one.heard is None else f"{one.heard:.1f}"
    return f"{one.cpu:.1f}", f"{one.wall:.1f}", f"{one.free:.1f}", heard, f"{one.taken:,}"


if __name__ == "__main__":
    sys.exit(not all(row.met for row in main()))
