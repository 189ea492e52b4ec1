"""A component that is well or not as a test says: a `command` whose script looks for a file."""

from pathlib import Path

from tests.parts.verb import Ended, heartbeat


class Outage:
    """`thing` in `folder`: broken while the file `broken` is there; recovery is what the test says (default: off)."""

    def __init__(self, folder: Path, recovery: str = '"off"', more: str = "", also: str = "") -> None:
        self.folder = folder
        self.script = folder / "look"
        self.script.write_text(f'#!/bin/sh\n[ ! -e "{folder}/broken" ] || {{ echo "it is broken"; exit 2; }}\n')
        self.script.chmod(0o755)
        self.config = folder / "heartbeat.toml"
        self.config.write_text(
            f'{also}[components.thing]\nkind = "command"\ncommand = ["{self.script}"]\n'
            f"interval = 0.01\nfail_threshold = 2\nrecovery_threshold = 1\nrecovery = {recovery}\n{more}"
        )

    def breaks(self) -> None:
        (self.folder / "broken").touch()

    def heals(self) -> None:
        (self.folder / "broken").unlink(missing_ok=True)

    def run(self, times: int = 1) -> Ended:
        """That many passes; what the last one said."""
        for _ in range(times):
            ended = heartbeat(self.folder, "run")
        return ended

    def down(self) -> Ended:
        """Break it and make it a fault; what the pass said that declared it."""
        self.breaks()
        return self.run(2)
