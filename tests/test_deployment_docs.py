"""The recipes for deployment hold: the manifest says what a CronJob can say, the backups can be restored. The units run
in tests/e2e/test_timer.py, what is said of failover in tests/e2e/test_failover.py."""

import os
import re
import sqlite3
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from heartbeat_cli.config import load
from tests.parts.manual import DOCS, blocks
from tests.parts.postgres import Server, binaries
from tests.parts.watch import Watch

_KUBERNETES = "recipes/kubernetes.md"
_BACKUP = "recipes/backup.md"

# Every field of batch/v1 and core/v1 that the manifest may use, by where it stands: Kubernetes refuses or, worse,
# drops what it does not know. From its API reference; what stands under a name that is free is `*`.
_META = {"name": str}
_CONTEXT = {
    "runAsNonRoot": bool,
    "runAsUser": int,
    "runAsGroup": int,
    "fsGroup": int,
    "seccompProfile": {"type": str},
}
_CONTAINER = {
    "name": str,
    "image": str,
    "args": [str],
    "securityContext": {
        "allowPrivilegeEscalation": bool,
        "readOnlyRootFilesystem": bool,
        "capabilities": {"drop": [str]},
    },
    "resources": {"requests": {"*": str}, "limits": {"*": str}},
    "volumeMounts": [{"name": str, "mountPath": str, "readOnly": bool}],
}
_VOLUME = {
    "name": str,
    "configMap": {"name": str},
    "secret": {"secretName": str, "defaultMode": int},
    "persistentVolumeClaim": {"claimName": str},
}
_POD = {
    "restartPolicy": str,
    "automountServiceAccountToken": bool,
    "securityContext": _CONTEXT,
    "containers": [_CONTAINER],
    "volumes": [_VOLUME],
}
_JOB = {"backoffLimit": int, "activeDeadlineSeconds": int, "template": {"spec": _POD}}
_CRON = {
    "schedule": str,
    "concurrencyPolicy": str,
    "startingDeadlineSeconds": int,
    "successfulJobsHistoryLimit": int,
    "failedJobsHistoryLimit": int,
    "jobTemplate": {"spec": _JOB},
}
_HEAD = {"apiVersion": str, "kind": str, "metadata": _META}
_KINDS: dict[tuple[str, str], dict[str, Any]] = {
    ("v1", "ConfigMap"): _HEAD | {"data": {"*": str}},
    ("v1", "PersistentVolumeClaim"): _HEAD | {"spec": {"accessModes": [str], "resources": {"requests": {"*": str}}}},
    ("batch/v1", "CronJob"): _HEAD | {"spec": _CRON},
}


def manifest() -> dict[str, Any]:
    (text,) = blocks(_KUBERNETES, "yaml")
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


def strange(value: Any, allowed: Any, where: str = "") -> list[str]:
    """What is not among the allowed fields, or of another type."""
    if isinstance(allowed, dict) and isinstance(value, Mapping):
        known = {key: allowed.get(key, allowed.get("*")) for key in value}
        return [
            found
            for key, inside in value.items()
            for found in ([f"{where}.{key}"] if known[key] is None else strange(inside, known[key], f"{where}.{key}"))
        ]
    if isinstance(allowed, list) and isinstance(value, list):
        return [found for one in value for found in strange(one, allowed[0], f"{where}[]")]
    return [] if isinstance(allowed, type) and type(value) is allowed else [f"{where}: {value!r}"]


def test_the_manifest_says_what_kubernetes_knows() -> None:
    for one in manifest().values():
        assert strange(one, _KINDS[one["apiVersion"], one["kind"]]) == []


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
