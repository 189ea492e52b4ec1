"""One pass over the example deployment, PostgreSQL store: all healthy, and with two agents that hang.

Beside it a bare start of Python, and a process that checks the same things one after another with `requests`,
`psycopg2` and the docker SDK, and stores nothing. The slowest answer is known: the server that answers for the agents
waits as long as each agent is given. What hangs is looked at below its threshold, in the pass that declares the fault
(told to a file channel; where it may be restarted, restarted and proven in vain), and in the passes after that."""

import sys
import tempfile
from pathlib import Path

from bench._deployment import HUNG, SLOWEST, TIMEOUT, VERIFY_WAIT, Deployment, deployment
from bench._imports import profile, show
from bench._measure import Cost, Rows, alternate, cost, heartbeat, relative, table, target

_ROUNDS = 15
_HUNG_ROUNDS = 7
_DECLARED = 3  # times that a fault is declared
_THRESHOLD = 3
_NEVER = 1_000  # looks: a threshold that no bench reaches
_RESTART = '{ ladder = [{ action = "command", command = ["true"] }] }'  # nothing that another process would mind
_BARE = "python -c pass"
_PLAIN = "one after another"

_ONE_AFTER_ANOTHER = """
import sys
import docker, psycopg2, requests
dsn, urls, names, timeout = sys.argv[1], sys.argv[2].split(), sys.argv[3].split(), float(sys.argv[4])
for url in urls:
    try:
        assert requests.get(url, timeout=timeout).json()["status"] == "ok"
    except requests.Timeout:
        assert "hang" in url
with psycopg2.connect(dsn, connect_timeout=10) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT 1")
    cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE state = 'active'")
    cursor.fetchone()
client = docker.from_env(timeout=10) if names else None
for name in names:
    container = client.containers.get(name)
    assert container.attrs["State"]["Running"]
    container.attrs.get("RestartCount")
"""


def main() -> Rows:
    with tempfile.TemporaryDirectory() as folder, deployment(Path(folder), needs_docker=False) as parts:
        return _healthy(parts) + _hung(parts)


def _healthy(parts: Deployment) -> Rows:
    runs = {
        _BARE: _bare,
        "heartbeat run": lambda: cost(heartbeat(parts.config, "run")),
        "heartbeat check": lambda: cost(heartbeat(parts.config, "check", "--all", "--format", "json")),
        _PLAIN: lambda: _plain(parts, hung=False),
    }
    costs = alternate(runs, _ROUNDS)
    slowest = f"slowest answer {SLOWEST * 1000:.0f} ms"
    table(f"One pass over {parts.what}, all healthy, {slowest}, PostgreSQL store", costs, _BARE)
    show("A run", profile(parts.config, ("run",)))
    run, plain = costs["heartbeat run"], costs[_PLAIN]
    bare = costs[_BARE]
    judged = relative(f"CPU of a run over {parts.what}, x bare start", run.cpu / bare.cpu, 8)
    judged += relative("wall of the same beyond the slowest answer, x bare start", (run.wall - SLOWEST) / bare.wall, 6)
    judged += relative("CPU of a run, x one after another", run.cpu / plain.cpu, 0.7)
    judged += relative("wall of a run, x one after another", run.wall / plain.wall, 0.5)
    judged += target("peak memory, MB", run.memory, 50)
    print(f"  less than one after another: CPU {_less(run.cpu, plain.cpu)}, wall {_less(run.wall, plain.wall)}\n")
    return judged


def _hung(parts: Deployment) -> Rows:
    below, in_fault = parts.hung(_NEVER, '"off"'), parts.hung(_THRESHOLD, '"ask"')
    for _ in range(_THRESHOLD):
        cost(heartbeat(in_fault, "run"))
    assert _told(in_fault), "no fault was declared"
    steady = {
        _BARE: _bare,
        "run, below the threshold": lambda: cost(heartbeat(below, "run")),
        "run, in fault": lambda: cost(heartbeat(in_fault, "run")),
        _PLAIN: lambda: _plain(parts, hung=True),
    }
    once = {
        "run that declares and tells": lambda: _declaring(parts, '"ask"'),
        "run that declares, tells, restarts": lambda: _declaring(parts, _RESTART),
    }
    costs = alternate(steady, _HUNG_ROUNDS) | alternate(once, _DECLARED)
    table(f"The same with {len(HUNG)} agents that hang, timeout {TIMEOUT * 1000:.0f} ms", costs, _BARE)
    *alike, restarting = [name for name in costs if name.startswith("run")]
    judged: Rows = []
    for name in alike:
        judged += target(f"{name}: wall beyond the timeout, ms", _beyond(costs[name], TIMEOUT), 200)
        limit = 10 if "tells" in name else 8
        judged += relative(f"{name}: CPU, x bare start", costs[name].cpu / costs[_BARE].cpu, limit)
    # Right before a step what failed is looked at once more; after it, as long as a pass waits for it to be well again.
    waited = 2 * TIMEOUT + VERIFY_WAIT
    judged += target(f"{restarting}: beyond two timeouts and the proof, ms", _beyond(costs[restarting], waited), 300)
    run, plain = costs[alike[0]], costs[_PLAIN]
    print(f"  less than one after another: CPU {_less(run.cpu, plain.cpu)}, wall {_less(run.wall, plain.wall)}\n")
    return judged


def _declaring(parts: Deployment, recovery: str) -> Cost:
    """The run that crosses the threshold, on a new store."""
    config = parts.hung(_THRESHOLD, recovery)
    for _ in range(_THRESHOLD - 1):
        cost(heartbeat(config, "run"))
    assert not _told(config), "a fault was declared too early"
    found = cost(heartbeat(config, "run"))
    assert _told(config), "no fault was declared"
    return found


def _told(config: Path) -> bool:
    return (config.with_suffix("") / "state/told.jsonl").exists()


def _bare() -> Cost:
    return cost([sys.executable, "-c", "pass"])


def _plain(parts: Deployment, *, hung: bool) -> Cost:
    words = [parts.dsn, " ".join(parts.urls(hung).values()), " ".join(parts.containers), str(TIMEOUT)]
    return cost([sys.executable, "-c", _ONE_AFTER_ANOTHER, *words])


def _beyond(one: Cost, expected: float) -> float:
    return (one.wall - expected) * 1000


def _less(one: float, other: float) -> str:
    return f"{1 - one / other:.0%}"
