"""Kinds that answer for all their components at once: what goes wrong with one reading costs its own component only."""

from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli import plugins
from heartbeat_cli.domain.checking.result import CheckContext
from tests.parts.nvidia_smi import NvidiaSmi

BATCHES = [kind for kind in plugins.kinds("monitors") if hasattr(plugins.load("monitors", kind), "probe_all")]


class Spoilt(dict[str, Any]):
    """A memory that no monitor expects: reading it raises."""

    def get(self, key: str, default: Any = None) -> Any:
        raise KeyError(key)


def programs(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Settings of two components, each with a program of its own where the kind has one."""
    if kind == "process":
        return [{"process": "python3", "count_": 0}] * 2
    if kind == "gpu":
        for name in ("a", "b"):
            (folder / name).mkdir()
        return [{"nvidia_smi": (str(NvidiaSmi(folder / name).path),)} for name in ("a", "b")]
    (folder / "systemctl").write_text(f"Id=web.{kind}\nLoadState=loaded\nActiveState=active\n")
    cat = ("sh", "-c", f"cat {folder}/systemctl")
    return [{"unit": f"web.{kind}", "systemctl": (*cat, name)} for name in ("a", "b")]


@pytest.mark.parametrize("kind", BATCHES)
def test_a_bug_with_one_reading_is_its_own_component_s_unknown(tmp_path: Path, kind: str) -> None:
    monitor = plugins.load("monitors", kind)
    first, second = (monitor.Settings(**keys) for keys in programs(tmp_path, kind))
    spoilt = CheckContext("a", 10, 1e9, Spoilt())
    wrong, well = monitor.probe_all([(first, spoilt), (second, CheckContext("b", 10, 1e9))])
    assert (wrong.status, well.status) == ("unknown", "healthy")
    assert "heartbeat's own fault: KeyError" in str(wrong.error)
