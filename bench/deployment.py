"""One pass over the example deployment, all healthy, PostgreSQL store.

Beside it a bare start of Python, and a process that checks the same things one after another with `requests`,
`psycopg2` and the docker SDK, and stores nothing."""

import sys
import tempfile
from pathlib import Path

from bench._deployment import deployment
from bench._measure import alternate, cost, table, target

_ROUNDS = 15

_ONE_AFTER_ANOTHER = """
import sys
import docker, psycopg2, requests
dsn, urls, names = sys.argv[1], sys.argv[2].split(), sys.argv[3].split()
for url in urls:
    assert requests.get(url, timeout=10).json()["status"] == "ok"
with psycopg2.connect(dsn, connect_timeout=10) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT 1")
    cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE state = 'active'")
    cursor.fetchone()
client = docker.from_env(timeout=10)
for name in names:
    container = client.containers.get(name)
    assert container.attrs["State"]["Running"]
    container.attrs.get("RestartCount")
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, deployment(Path(folder)) as parts:
        heartbeat = [sys.executable, "-m", "heartbeat_cli", "--config", str(parts.config)]
        plain = [sys.executable, "-c", _ONE_AFTER_ANOTHER, parts.dsn, " ".join(parts.urls), " ".join(parts.containers)]
        runs = {
            "python -c pass": lambda: cost([sys.executable, "-c", "pass"]),
            "heartbeat run": lambda: cost([*heartbeat, "run"]),
            "heartbeat check": lambda: cost([*heartbeat, "check", "--all", "--format", "json"]),
            "one after another": lambda: cost(plain),
        }
        costs = alternate(runs, _ROUNDS)
    table("One pass over the example deployment, all healthy, PostgreSQL store", costs, "python -c pass")
    run, bare = costs["heartbeat run"], costs["python -c pass"]
    missed = target("CPU seconds of a run", run.cpu, 0.20)
    missed += target("peak memory, MB", run.memory, 50)
    missed += target("CPU of a run in bare Python starts", run.cpu / bare.cpu, 10)
    print(f"  less than one after another: CPU {1 - run.cpu / costs['one after another'].cpu:.0%}\n")
    return missed
