"""`heartbeat` as cron would start it: a process a tick over a configuration of its own."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.parts.forked import Forked

TICK = 1.1  # seconds between two ticks: a little over the components' interval of one second


class Deployment:
    """A configuration over real parts, and `heartbeat` as cron would start it."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        self.config = folder / "heartbeat.toml"
        self.config.write_text(text)
        self.heartbeat("--version")  # what all of them are forked from has started, so that ticks keep their distance
        self._next = time.monotonic()

    def heartbeat(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        one = Forked(["--config", str(self.config), *words], self.folder, environment)
        out, err = one.communicate()
        assert one.returncode in codes, f"{words}: {one.returncode}\n{out}\n{err}"
        return out

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

    def told(self) -> list[tuple[str, str]]:
        """Type and component of what people have been notified of, in order: a fault that ends soon is one message."""
        found = reversed(json.loads(self.heartbeat("alerts", "--format", "json")))
        sent = [one for one in found if any(way["state"] == "sent" for way in one["notifications"])]
        return [(one["alert_type"], one["component"]) for one in sent]
