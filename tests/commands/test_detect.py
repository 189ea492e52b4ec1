"""`heartbeat detect`: each heartbeat once, each decision with its reason."""

import json
from pathlib import Path

from tests.parts.outage import Outage
from tests.parts.verb import heartbeat

OPENED = "thing: opened: 2 failing checks in a row (threshold 2)\n"


def seen(home: Path, times: int) -> Outage:
    thing = Outage(home)
    thing.breaks()
    for _ in range(times):
        heartbeat(home, "check")
    return thing


def test_once(tmp_path: Path) -> None:
    seen(tmp_path, 2)
    ended = heartbeat(tmp_path, "detect")
    assert (ended.code, ended.out) == (0, OPENED)
    assert "] thing reports a problem\n" in ended.err, "and the alert is delivered"
    assert heartbeat(tmp_path, "detect") == (0, "", "")


def test_a_dry_run_decides_nothing(tmp_path: Path) -> None:
    seen(tmp_path, 2)
    assert heartbeat(tmp_path, "detect", "--dry-run") == (0, OPENED, "")
    assert heartbeat(tmp_path, "detect", "--dry-run") == (0, OPENED, "")
    assert heartbeat(tmp_path, "detect").out == OPENED


def test_json(tmp_path: Path) -> None:
    seen(tmp_path, 2)
    (verdict,) = json.loads(heartbeat(tmp_path, "detect", "--dry-run", "--format", "json").out)
    assert (verdict["component"], verdict["decision"]) == ("thing", "opened")
    assert json.loads(heartbeat(tmp_path, "detect", "--format", "json").out) == [verdict]
    assert heartbeat(tmp_path, "detect", "--format", "json").out == "[]\n"
