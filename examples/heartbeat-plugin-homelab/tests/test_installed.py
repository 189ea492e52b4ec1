"""The package as heartbeat finds it: by its entry points, with its keys checked."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from servers import serving

CONFIG = """
[heartbeat]
state_dir = "{folder}/state"
[components.ups]
kind = "ups"
host = "127.0.0.1"
port = {ups}
fail_threshold = 1
[[components.ups.recovery.ladder]]
action = "wake_on_lan"
mac = "00:11:22:33:44:55"
address = "127.0.0.1"
port = {card}
mends = ["resource"]
[recovery]
verify_wait = 1
[channels.log]
kind = "syslog"
host = "127.0.0.1"
port = {syslog}
"""
LOW = b'BEGIN LIST VAR ups\nVAR ups ups.status "OB LB"\nVAR ups battery.charge "7"\nEND LIST VAR ups\n'


def heartbeat(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "heartbeat_cli", *words]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(argv, capture_output=True, text=True, cwd=folder, env=environment, timeout=60, check=False)


def test_heartbeat_lists_the_kinds_and_their_keys(tmp_path: Path) -> None:
    said = heartbeat(tmp_path, "kinds").stdout
    for kind in ("ups", "wake_on_lan", "syslog"):
        assert f"\n  {kind} " in said
    assert "battery_min: a number, default 30" in heartbeat(tmp_path, "kinds", "ups").stdout


def test_a_pass_checks_recovers_and_notifies(tmp_path: Path) -> None:
    with serving(LOW, end=b"\n") as upsd, serving() as log, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as card:
        card.bind(("127.0.0.1", 0))
        card.settimeout(10)
        ports = {"ups": upsd.port, "syslog": log.port, "card": card.getsockname()[1]}
        (tmp_path / "heartbeat.toml").write_text(CONFIG.format(folder=tmp_path, **ports))
        checked = heartbeat(tmp_path, "config", "check")
        assert checked.returncode == 0, checked.stderr
        assert heartbeat(tmp_path, "run").returncode == 0
        said = log.got.get(timeout=10).decode()
        assert "the battery is low, 7 % charged" in said and "what hangs on this UPS goes off" in said
        assert card.recv(1024).startswith(b"\xff" * 6 + bytes.fromhex("001122334455"))
        (row,) = json.loads(heartbeat(tmp_path, "status", "--format", "json").stdout)
        assert (row["kind"], row["state"], row["status"]) == ("ups", "fault", "unhealthy")


def test_a_wrong_key_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text('[components.ups]\nkind = "ups"\nport = 0\n')
    said = heartbeat(tmp_path, "config", "check")
    assert (said.returncode, said.stderr) == (
        2,
        "heartbeat: heartbeat.toml:3: components.ups.port: expected 1 to 65535, got 0\n",
    )
