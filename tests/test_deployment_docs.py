"""The recipes for deployment hold: the manifest says what a CronJob can say, the backups can be restored. The units run
in tests/e2e/test_timer.py, what is said of failover in tests/e2e/test_failover.py."""

import json
import os
import re
import sqlite3
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from heartbeat_cli.config import load
from tests.parts.json_schema import faults
from tests.parts.manual import DOCS, blocks
from tests.parts.postgres import Server, binaries
from tests.parts.watch import Watch

_KUBERNETES = "recipes/kubernetes.md"
_BACKUP = "recipes/backup.md"

# Of the Kubernetes API (tests/data/kubernetes): what it does not know it refuses or, worse, drops.
_SCHEMA = json.loads((Path(__file__).parent / "data/kubernetes/schema.json").read_text())
_KINDS = {
    ("v1", "ConfigMap"): "io.k8s.api.core.v1.ConfigMap",
    ("v1", "PersistentVolumeClaim"): "io.k8s.api.core.v1.PersistentVolumeClaim",
    ("batch/v1", "CronJob"): "io.k8s.api.batch.v1.CronJob",
}


def manifest() -> dict[str, Any]:
    (text,) = blocks(_KUBERNETES, "yaml")
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


def unlike_the_api(one: Mapping[str, Any]) -> list[str]:
    """What is wrong with one object of the manifest."""
    kind = _KINDS[one["apiVersion"], one["kind"]]
    return faults(one, _SCHEMA["$defs"][kind], _SCHEMA)


def test_the_manifest_is_what_the_api_takes() -> None:
    assert [found for one in manifest().values() for found in unlike_the_api(one)] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda pod: pod.update(restartpolicy="Never"), "restartpolicy is not in the schema"),
        (lambda pod: pod["containers"][0].update(args="run"), "args: 'run' is not array or null"),
        (lambda pod: pod["containers"][0]["resources"]["limits"].update(memory=[128]), "memory: [128] is not"),
        (lambda pod: pod["containers"][0].pop("name"), "name is missing"),
    ],
)
def test_a_mistake_in_the_manifest_is_noticed(change: Callable[[Any], object], said: str) -> None:
    job = manifest()["CronJob"]
    change(job["spec"]["jobTemplate"]["spec"]["template"]["spec"])
    (found,) = unlike_the_api(job)
    assert said in found


def test_the_manifest_hangs_together() -> None:
    parts = manifest()
    job = parts["CronJob"]["spec"]
    assert (job["concurrencyPolicy"], job["jobTemplate"]["spec"]["backoffLimit"]) == ("Forbid", 0)
    assert 10 <= job["startingDeadlineSeconds"] <= 60
    pod = job["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert {one["name"] for one in container["volumeMounts"]} == set(volumes)
    assert volumes["state"]["persistentVolumeClaim"]["claimName"] == parts["PersistentVolumeClaim"]["metadata"]["name"]
    assert volumes["config"]["configMap"]["name"] == parts["ConfigMap"]["metadata"]["name"]
    assert volumes["secrets"]["secret"]["defaultMode"] == 0o440
    mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    ((name, text),) = parts["ConfigMap"]["data"].items()
    assert container["args"][:2] == ["--config", f"{mounted['config']}/{name}"]
    watched = tomllib.loads(text)["heartbeat"]
    assert watched["observer"] and watched["state_dir"] == mounted["state"]
    assert watched["store"].startswith(f"file:{mounted['secrets']}/")


def test_the_manifests_configuration_loads(tmp_path: Path) -> None:
    """With its secrets where this test can put them."""
    text = manifest()["ConfigMap"]["data"]["heartbeat.toml"]
    for name, secret in (("store", "postgresql://h@db/h"), ("telegram", "1:a")):
        (tmp_path / name).write_text(secret)
    made = load.load(tomllib.loads(text.replace("/etc/heartbeat/secrets", str(tmp_path))), _KUBERNETES)
    assert made.unresolved == ()
    assert made.heartbeat.store == "postgresql://h@db/h"


def test_the_dockerfile_starts_what_the_package_installs() -> None:
    text = (DOCS.parent / "examples/container/Dockerfile").read_text()
    scripts = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["project"]["scripts"]
    assert [f'ENTRYPOINT ["{name}"]' for name in scripts] == [line for line in text.splitlines() if "ENTRY" in line]
    user = manifest()["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["securityContext"]
    assert f"USER {user['runAsUser']}:{user['runAsGroup']}" in text


def _backup_lines() -> list[str]:
    return next(block for block in blocks(_BACKUP, "sh") if "pg_dump" in block).split("\n")


@pytest.mark.whole
def test_a_backup_of_postgresql_is_restored(tmp_path: Path) -> None:
    """Onto the server, by the manual's own lines; the watch goes on from there."""
    dump, restore = (line for line in _backup_lines() if line.startswith("pg_"))
    with Server() as server:
        watch = Watch(tmp_path, server.dsn())
        environment = {"PATH": f"{binaries()}:{os.environ['PATH']}", "STORE": server.dsn()}
        (tmp_path / "alpha").unlink()
        watch.run(2)
        subprocess.run(["sh", "-ec", dump], cwd=tmp_path, env=environment, check=True, timeout=60)
        watch.run()
        subprocess.run(["sh", "-ec", restore], cwd=tmp_path, env=environment, check=True, timeout=60)
        watch.runs -= 1
        watch.run()
        (tmp_path / "alpha").touch()
        watch.run()
        assert watch.told()[-1] == "alpha recovered"
        watch.is_whole()


def test_a_backup_of_sqlite_is_whole(tmp_path: Path) -> None:
    (line,) = (line for line in _backup_lines() if line.startswith("sqlite3"))
    found = re.fullmatch(r"sqlite3 (\S+) \"(VACUUM INTO '(\S+)')\"", line)
    assert found
    watch = Watch(tmp_path, f"sqlite:///{tmp_path}/store.db")
    watch.run(2)
    copy = f"{tmp_path}/backup.db"
    connection = sqlite3.connect(tmp_path / "store.db")
    connection.execute(found[2].replace(found[3], copy))
    connection.close()
    watch.is_whole(f"sqlite:///{copy}")
