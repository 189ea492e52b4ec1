"""One file for a fleet: 71 components in few lines, beside the same written out; and what a pass over 1,000 components
of one block costs beside 1,000 that are written. Only differences between runs made in turn count.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench._http import answering
from bench._measure import Cost, Rows, alternate, cost, heartbeat, relative, target
from heartbeat_cli.config import load

_MOST_LINES, _LOAD_RATIO, _PASS_RATIO = 70, 1.1, 1.05
_LOADS, _PASSES, _MANY = 30, 12, 1_000

SHORT = """
[defaults]
interval = "30s"
timeout = "10s"
fail_threshold = 3
recovery_threshold = 2
retries = 1
severity = "high"

[defaults.agent]
unit = "worker@{id}.service"
recovery = "on"

[components."worker-{n}"]
kind = "agent"
each = { n = "1..50" }
name = "Worker {n}"
url = "http://localhost:8000/{n}/health"

[components."box-{name}"]
kind = "docker"
each = { name = ["web", "api", "mail", "cache", "queue", "proxy", "wiki", "git", "ci", "db", "logs", "chat"] }
container = "{name}"

[components."unit-{name}"]
kind = "service"
each = { name = ["nginx", "cron", "ssh", "postfix", "redis", "docker"] }
unit = "{name}.service"

[components."db-{name}"]
kind = "database"
each = { name = ["main", "jobs", "metrics"] }
dsn = "postgresql://monitor@localhost/{name}"
"""


def main() -> Rows:
    with tempfile.TemporaryDirectory() as folder, answering() as url:
        return _load(Path(folder)) + _pass(Path(folder), url)


def _load(folder: Path) -> Rows:
    short, long = folder / "short.toml", folder / "long.toml"
    short.write_text(SHORT)
    tables = load.read(short).tables["components"]
    long.write_text("".join(_written(tables)))
    assert load.read(short).components == load.read(long).components, "not the same components"
    seconds: dict[Path, list[float]] = {short: [], long: []}
    for _ in range(_LOADS):
        for path, times in seconds.items():
            begun = time.process_time()
            load.read(path)
            times.append(time.process_time() - begun)
    took = {path: statistics.median(times) for path, times in seconds.items()}
    lines = {path: sum(bool(line.strip()) for line in path.read_text().splitlines()) for path in took}
    print(f"{len(tables)} components: {lines[short]} lines, {took[short] * 1000:.1f} ms to load; written out")
    print(f"{lines[long]} lines, {took[long] * 1000:.1f} ms\n")
    judged = target("lines of 71 components", lines[short], _MOST_LINES)
    return judged + relative("time to load, times that of the written form", took[short] / took[long], _LOAD_RATIO)


def _written(tables: dict[str, dict[str, object]]) -> Iterator[str]:
    from heartbeat_cli.views.settings_text import toml

    for id_, table in tables.items():
        yield toml({"components": {id_: table}})


def _pass(folder: Path, url: str) -> Rows:
    head = '[heartbeat]\nstore = "sqlite:///{0}/store.db"\nstate_dir = "{0}/state"\n'
    keys = 'kind = "agent"\ninterval = 0.01\nrecovery = "off"\n'
    texts = {
        "written": "".join(f'[components.a-{n}]\n{keys}url = "{url}/{n}"\n' for n in range(1, _MANY + 1)),
        "one block": f'[components."a-{{n}}"]\n{keys}each = {{ n = "1..{_MANY}" }}\nurl = "{url}/{{n}}"\n',
    }
    runs = {}
    for name, text in texts.items():
        own = folder / name.replace(" ", "-")
        own.mkdir()
        (own / "heartbeat.toml").write_text(head.format(own) + text)
        runs[name] = partial(cost, heartbeat(own / "heartbeat.toml", "run"))
    costs: dict[str, Cost] = alternate(runs, _PASSES)
    print(*(f"{name}: {one.cpu * 1000:.0f} ms of CPU a pass" for name, one in costs.items()), sep="\n", end="\n\n")
    ratio = costs["one block"].cpu / costs["written"].cpu
    text = f"CPU of a pass over {_MANY:,} of one block, times that over as many written"
    return relative(text, ratio, _PASS_RATIO)
