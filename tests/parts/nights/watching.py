"""Nights in which the question is who sees what."""

import json
from datetime import UTC, datetime

from heartbeat_cli.domain.checking.exchange import FollowUp, Response
from heartbeat_cli.domain.checking.result import CheckContext, Reading, unknown
from heartbeat_cli.domain.text import Text
from heartbeat_cli.monitors import docker
from tests.parts.nights.stage import AGENT, STEP, Stage, Truth, answered


def hosts_that_disagree(stage: Stage) -> Truth:
    url = "http://shop.example.org:8000/health"
    shop = AGENT | {"name": "Shop Assistant", "url": url, "quorum": 2, "recovery": "off"}
    cron = {"kind": "push", "name": "Backup of hk-3", "period": 3600, "observer": "hk-3"}
    stage.open({"shop": shop, "backup": cron}, hosts=("hk-1", "hk-2", "hk-3"))
    good = Reading("healthy", 0.05)
    for _ in range(3):
        stage.together(1, hk_2={"shop": good}, hk_3={"shop": good, "backup": good}, hk_1={"shop": good})
    begun, agreed = stage.clock(), stage.clock(-STEP)
    within = Text("within {limit:.1f} s", limit=5.0)
    late = Text("no connection to {place} {within}", place="shop.example.org:8000", within=within)
    late_one = Reading("error", None, late, category="process")
    bad = answered(502, "upstream timed out", url)
    stage.together(3, hk_2={"shop": bad}, hk_3={"shop": good, "backup": good}, hk_1={"shop": late_one})
    silent = stage.clock(STEP)
    stage.together(12, hk_2={"shop": bad}, hk_1={"shop": late_one})
    ended = stage.clock(-STEP)
    stage.together(3, hk_1={"shop": good}, hk_2={"shop": good})
    return Truth(
        "Shop Assistant (shop) fails: hk-1 gets no connection, hk-2 HTTP 502; hk-3 sees it healthy. Then the host hk-3"
        " stopped watching.",
        "shop.example.org:8000; hk-3.",
        f"shop: {agreed}, when two hosts saw it fail (the first one did at {begun}), until {ended};"
        f" hk-3 was last heard at {silent}.",
        "shop: the agent itself or what is before it, two of three hosts see it fail. hk-3: that host (down, cut off"
        " from the store, or its cron does not run); it has nothing to do with shop.",
        "Nothing: recovery of shop is off; it came back by itself. hk-3: nothing.",
        "shop: nothing, it is over. hk-3: see whether it is up and reaches the store, and whether cron runs there;"
        " until then nobody checks Backup of hk-3.",
    )


def docker_does_not_answer(stage: Stage) -> Truth:
    names = {"gateway": "Gateway", "openclaw-postgres": "OpenClaw PostgreSQL", "worker": "Worker"}
    parts = {
        id_: {"kind": "docker", "name": name, "container": id_, "retries": 0, "recovery": "off"}
        for id_, name in names.items()
    }
    stage.open(parts)
    stage.run(2)
    begun = stage.clock()
    within = Text("within {limit:.1f} s", limit=5.0)
    why = Text("no answer {within} (connected, sent the request, not one line came back)", within=within)
    blind = unknown(Text("Docker did not answer in time: {text}", text=why))
    stage.run(8, **dict.fromkeys(names, blind))
    ended = stage.clock()
    stage.run(4, worker=_killed(stage.now - 139))
    return Truth(
        "The Docker daemon does not answer, so Gateway, OpenClaw PostgreSQL and Worker cannot be checked. When it"
        " answers again, Worker turns out not to run (ended by SIGKILL, at 03:02:41 by Docker's record).",
        "agents-1, its Docker daemon; container worker.",
        f"Docker: {begun}, until {ended}. Worker is known to be down since {ended}; Docker says that it ended at"
        " 03:02:41.",
        "The Docker daemon's. Whether the containers were up meanwhile is not known.",
        "Nothing: heartbeat restarts nothing that it cannot see, and recovery is off for Worker.",
        "Docker: nothing, it answers again. Worker: read its log, heartbeat recover --component worker --force.",
    )


def _killed(at: float) -> Reading:
    """What the monitor makes of the Engine's answer about a container that was killed at that moment."""
    begun, ended = (datetime.fromtimestamp(one, UTC).isoformat().replace("+00:00", "Z") for one in (at - 93_784, at))
    state = {"Status": "exited", "ExitCode": 137, "OOMKilled": False, "StartedAt": begun, "FinishedAt": ended}
    answer = json.dumps({"Id": "1f1e2b15cc20" * 5, "RestartCount": 0, "State": state, "Config": {"Tty": True}})
    context = CheckContext("worker", 5.0, at)
    asked = docker.read(docker.Settings("worker"), Response(200, body=answer.encode(), elapsed=0.01), context)
    assert isinstance(asked, FollowUp)
    return asked.read(Response(200, body=b"job 4711 begins\njob 4711: 3 of 9 pages\n"))
