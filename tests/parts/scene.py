"""A configuration with a store, driven pass by pass on a clock of its own: what the passes are tested on.

scene = Scene(store, store_url, tmp_path, components={...}, channels={...})
scene.pass_()           # check, detect at scene.now, which then moves on by 30 seconds
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heartbeat_cli.config import load as configuration
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.passes.check import check
from heartbeat_cli.passes.check.check import Checked
from heartbeat_cli.passes.deliver import deliver
from heartbeat_cli.passes.detect import detect
from heartbeat_cli.passes.recover import recover
from heartbeat_cli.passes.recover.results import StepResult
from heartbeat_cli.store.history import passes
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import recoveries, states

START = 1_795_348_800.0  # 2026-11-22 12:00 UTC


class Scene:
    """Everything a pass needs; `messages` is what the file channel `log` got."""

    def __init__(
        self,
        db: Database,
        url: str,
        folder: Path,
        components: Mapping[str, Any],
        channels: Mapping[str, Any] | None = None,
        **sections: Any,
    ) -> None:
        self.db, self.folder, self.now = db, folder, START
        self.log = folder / "messages.log"
        given = channels if channels is not None else {"log": {"kind": "file", "path": str(self.log)}}
        heartbeat = {"store": url, "state_dir": str(folder / "state"), "observer": "here"}
        self.tables = {
            "heartbeat": heartbeat | sections.pop("heartbeat", {}),
            "components": components,
            "channels": given,
            **sections,
        }
        self.config = configuration.load(self.tables, "heartbeat.toml", folder)

    def clock(self) -> float:
        return self.now

    def check(self, *wanted: str, dry_run: bool = False) -> Checked:
        return check.check(self.db, self.config, self.now, wanted or None, dry_run=dry_run)

    def pass_(self, times: int = 1, step: float = 30.0) -> list[str]:
        """Check everything and detect; then time moves on. Returns what was decided."""
        decided = []
        for _ in range(times):
            self.check(*self.config.components)
            decided += self.detect()
            self.now += step
        return decided

    def saw(self, step: float = 30.0, **readings: Reading) -> list[str]:
        """A pass that saw just this, and its detection."""
        self.keep(**readings)
        decided = self.detect()
        self.now += step
        return decided

    def keep(self, **readings: Reading) -> None:
        """A pass that saw just this, not yet judged."""
        id_ = f"{self.config.observer}@{self.now}"
        done = passes.Pass(id_, self.config.observer, self.now, self.now + 1)
        passes.save(self.db, done, readings, self.config.components)

    def detect(self, dry_run: bool = False) -> list[str]:
        found = detect.detect(self.db, self.config, self.now, dry_run=dry_run)
        return [f"{one.component} {one.decision}" for one in found]

    def recover(self, *wanted: str, forced: bool = False, dry_run: bool = False) -> list[StepResult]:
        named = list(wanted) or None
        return recover.recover(
            recover.one_store(self.db), self.config, self.clock, named, forced=forced, dry_run=dry_run
        )

    def deliver(self) -> list[str]:
        """One pass's delivery. Its clock stands still, so nothing is tried again within it."""
        found = deliver.deliver(self.db, self.config, self.clock, retries=())
        return [f"{one.alert.partition('/')[2]} {one.channel} {one.error or 'sent'}" for one in found]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    @property
    def outbox(self) -> list[str]:
        """`alert type to channel: state`, in order of making."""
        made = list(reversed(alerts.between(self.db, 0.0, 9e9)))
        sent = alerts.deliveries(self.db, [one.id for one in made])
        return [f"{one.type} to {s.channel}: {s.state}" for one in made for s in sent if s.alert_id == one.id]

    @property
    def incidents(self) -> dict[str, Incident]:
        return states.open_incidents(self.db)

    @property
    def attempts(self) -> list[Attempt]:
        return [one for one in recoveries.between(self.db, 0.0, 9e9) if one.outcome != "held"]

    @property
    def holds(self) -> list[str]:
        """The named reasons for which nothing was done, as kept."""
        return [one.reason for one in recoveries.between(self.db, 0.0, 9e9) if one.outcome == "held"]
