"""The dashboards and rules of examples/grafana: their SQL against both stores, with Grafana's variables filled in as it
does, their PromQL by a real Prometheus that has scraped our metrics."""

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.store.board import figures
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.views import prometheus
from tests.parts import deployment, lacking
from tests.parts.docker import wait_for
from tests.parts.hostile import unused_port
from tests.parts.http import Answer, healthy_server
from tests.parts.stores import *  # noqa: F403 - the fixture of both stores

FOLDER = Path(__file__).parent.parent / "examples/grafana"
NOW = 1_795_000_000.0
_INTERVAL = 300  # seconds
STABLE = {"heartbeat_logs", "heartbeat_state", "heartbeat_alerts", "system_metrics"}


def board(name: str) -> Any:
    return json.loads((FOLDER / f"heartbeat-{name}.json").read_text())


def targets(name: str) -> list[tuple[str, dict[str, Any]]]:
    return [(one["title"], target) for one in board(name)["panels"] for target in one["targets"]]


def queries(name: str) -> list[str]:
    keys = ("rawSql", "queryText", "expr")
    return [next(target[key] for key in keys if key in target) for _, target in targets(name)]


def filled(sql: str, components: list[str]) -> str:
    """A query as Grafana sends it for the last day."""
    first, last = (datetime.fromtimestamp(at, UTC).isoformat() for at in (NOW - 86_400, NOW))
    quoted = ",".join(f"'{one}'" for one in components)
    group = rf"floor(extract(epoch from \1)/{_INTERVAL})*{_INTERVAL} AS \"time\"".replace('\\"', '"')
    sql = re.sub(r"\$__timeGroupAlias\(([^,]+), \$__interval\)", group, sql)
    sql = re.sub(r"\$__timeFilter\(([^)]+)\)", rf"\1 BETWEEN '{first}' AND '{last}'", sql)
    values = {"component:sqlstring": quoted, "__from": round(NOW - 86_400) * 1000, "__to": round(NOW) * 1000}
    for key, value in {**values, "__interval_ms": _INTERVAL * 1000}.items():
        sql = sql.replace(f"${{{key}}}", str(value))
    assert "$" not in sql, sql
    return sql


@pytest.mark.parametrize("name", ["postgresql", "sqlite", "prometheus"])
def test_a_dashboard_can_be_imported(name: str) -> None:
    found = board(name)
    assert "id" not in found and found["uid"] == f"heartbeat-{name}"
    numbers = [one["id"] for one in found["panels"]]
    assert len(set(numbers)) == len(numbers)
    kind = next(one["query"] for one in found["templating"]["list"] if one["type"] == "datasource")
    asked = [one["datasource"] for one in [*found["panels"], *(target for _, target in targets(name))]]
    assert all(one == {"type": kind, "uid": "${datasource}"} for one in asked)


def test_its_sql_runs_on_the_store_and_reads_only_what_is_stable(
    store: Database, store_url: str, tmp_path: Path
) -> None:
    config = deployment.config(tmp_path, heartbeat={"store": store_url})
    deployment.live(store, config, NOW, deployment.trouble, step=600.0)
    name = "sqlite" if store.dialect == "sqlite" else "postgresql"
    (variable,) = (one["query"] for one in board(name)["templating"]["list"] if one["type"] == "query")
    components = [row[0] for row in store.rows(variable)]
    assert components == sorted(config.components)
    for (title, _), sql in zip(targets(name), queries(name), strict=True):
        assert set(re.findall(r"(?:FROM|JOIN) (\w+)", sql)) <= STABLE
        found = store.rows(filled(sql, components))
        assert found, title
        if "AS time" in sql or "timeGroup" in sql:
            times = [row[0].timestamp() if isinstance(row[0], datetime) else float(row[0]) for row in found]
            assert all(NOW - 86_400 - _INTERVAL <= at <= NOW for at in times), title
    states = dict(row[:2] for row in store.rows(filled(queries(name)[0], components)))
    assert states["db"] == "fault" and states["sshd"] != "fault"
    shares = dict(row[:2] for row in store.rows(filled(queries(name)[1], components)))
    assert 0 < float(shares["db"]) < 100


# --- Prometheus ------------------------------------------------------------------------------------------------------


def program(name: str) -> str:
    return shutil.which(name) or lacking(f"{name} is not installed (Debian: prometheus)")


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus with our rules that has scraped a deployment in trouble twice."""
    folder, port = tmp_path_factory.mktemp("prometheus"), unused_port()
    config = deployment.config(folder)
    with deployment.store(config) as db:
        deployment.live(db, config, NOW, deployment.trouble, step=600.0)
        text = prometheus.text(figures.read(db, config.observer, NOW), config)
    with healthy_server(Answer(body=text.encode(), headers=(("Content-Type", "text/plain; version=0.0.4"),))) as server:
        target = urllib.parse.urlsplit(server.url).netloc
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            f"rule_files: ['{FOLDER}/heartbeat-rules.yml']\n"
            f"scrape_configs: [{{job_name: heartbeat, static_configs: [{{targets: ['{target}']}}]}}]\n"
        )
        argv = [program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        with (folder / "log").open("wb") as log:
            running = subprocess.Popen([*argv, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}"
        try:
            wait_for(lambda: answered(address, "sum_over_time(up[5m]) >= 2"), "two scrapes", 60)
            yield address
        finally:
            running.kill()
            running.wait()


def asked(address: str, path: str, **query: str) -> Any:
    url = f"{address}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]


def answered(address: str, expression: str) -> list[Any]:
    try:
        return list(asked(address, "query", query=expression)["result"])
    except OSError:
        return []


def test_every_expression_is_answered_by_a_real_prometheus(scraped: str) -> None:
    for (title, _), expression in zip(targets("prometheus"), queries("prometheus"), strict=True):
        whole = expression.replace("$component", ".*").replace("$__rate_interval", "5m")
        assert answered(scraped, whole), f"{title}: {whole}"
    (variable,) = (one["query"] for one in board("prometheus")["templating"]["list"] if one["type"] == "query")
    name, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable).groups()  # type: ignore[union-attr]
    found = asked(scraped, f"label/{label}/values", **{"match[]": name})
    assert "db" in found and len(found) == 10


def test_the_rules_are_right_and_see_the_trouble(scraped: str) -> None:
    checked = subprocess.run(
        [program("promtool"), "check", "rules", "--lint-fatal", str(FOLDER / "heartbeat-rules.yml")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert checked.returncode == 0 and "6 rules found" in checked.stdout, checked.stderr
    assert not [one for one in asked(scraped, "rules")["groups"][0]["rules"] if one["health"] == "err"]

    def waiting() -> set[str]:
        return {one["labels"]["alertname"] for one in asked(scraped, "alerts")["alerts"]}

    wanted = {"HeartbeatStopped", "HeartbeatNeedsPerson", "HeartbeatComponentInFault"}
    wait_for(lambda: wanted <= waiting(), "the alerts")


_STOPPED = """
rule_files: ["{rules}"]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: heartbeat_last_pass_timestamp_seconds{{observer="a"}}
        values: "0 60 120 120 120 120 120 120 120 120 120 120"
      - series: heartbeat_notifications_total{{channel="mail",state="failed"}}
        values: "0 0 0 1 1 1 1 1 1 1 1 1"
    alert_rule_test:
      - eval_time: 5m
        alertname: HeartbeatStopped
      - eval_time: 10m
        alertname: HeartbeatStopped
        exp_alerts:
          - exp_labels: {{severity: critical, observer: a}}
            exp_annotations: {{summary: heartbeat on a has made no pass for 8m 0s}}
      - eval_time: 5m
        alertname: HeartbeatMessagesNotDelivered
        exp_alerts:
          - exp_labels: {{severity: critical, channel: mail, state: failed}}
            exp_annotations: {{summary: mail did not take messages of heartbeat}}
"""


def test_a_heartbeat_that_stops_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "tests.yml"
    path.write_text(_STOPPED.format(rules=FOLDER / "heartbeat-rules.yml"))
    done = subprocess.run([program("promtool"), "test", "rules", str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
