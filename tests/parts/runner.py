"""`heartbeat` as cron would start it: a process a tick over a configuration of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HEARTBEAT = [sys.executable, "-m", "heartbeat_cli"]
TICK = 1.1  # seconds between two ticks: a little over the components' interval of one second


class Deployment:
    """A configuration over real parts, and `heartbeat` as cron would start it."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        self.config = folder / "heartbeat.toml"
        self.config.write_text(text)
        self._next = time.monotonic()

    def heartbeat(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        argv = [*HEARTBEAT, "--config", str(self.config), *words]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environment, check=False)
        assert done.returncode in codes, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def tick(self) -> dict[str, dict[str, Any]]:
        """One pass, then where every component stands."""
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + TICK
        self.heartbeat("run")
        rows = json.loads(self.heartbeat("status", "--format", "json", codes=(0, 1)))
        return {row["component"]: row for row in rows}

    def tick_until(
        self, done: Callable[[dict[str, dict[str, Any]]], bool], ticks: int = 12
    ) -> dict[str, dict[str, Any]]:
        for _ in range(ticks):
            rows = self.tick()
            if done(rows):
                return rows
        raise AssertionError(f"not reached in {ticks} ticks: {json.dumps(rows, indent=1)}")

    def messages(self) -> list[dict[str, Any]]:
        path = self.folder / "messages.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
