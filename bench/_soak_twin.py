"""A twin of the deployment that never grows old: what the very same pass takes, beside the ones that are compared.

Its store and its files are set back before each pass to what they were after two dozen of them.
"""

import shutil

from tests.parts.postgres import with_movable_clock

from bench._soak_process import Processes, Run
from bench._soak_script import STEP
from bench._soak_world import World

_PASSES, _BEATS = 24, 8  # until a component's history is full; a beat before each eighth


class Twin:
    """`start` is when its first pass is; none of them must lie in the hour after."""

    def __init__(self, world: World, processes: Processes, start: float) -> None:
        self._world, self._processes = world, processes
        self._folder, self._kept = world.folder / "twin", world.folder / "twin-kept"
        self._config = self._folder / "heartbeat.toml"
        (self._folder / "public").mkdir(parents=True)
        self._now = start
        if world.dialect == "postgres":
            world.server.execute("CREATE DATABASE twin")
            with_movable_clock(world.server.dsn(dbname="twin"))
        store = world.server.dsn(dbname="twin") if world.dialect == "postgres" else f"sqlite:///{self._folder}/store.db"
        self._config.write_text(world.text(store, self._folder))
        for number in range(_PASSES):
            if number % _BEATS == 0:
                self._heartbeat("beat", "job")
            self._heartbeat("run")
            self._now += STEP
        self._folder.rename(self._kept)
        if world.dialect == "postgres":
            world.server.execute("ALTER DATABASE twin RENAME TO twin_kept")

    def run(self) -> Run:
        """One more pass, always the same one."""
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._kept, self._folder, symlinks=True)
        if self._world.dialect == "postgres":
            self._world.server.execute("DROP DATABASE IF EXISTS twin WITH (FORCE)")
            self._world.server.execute("CREATE DATABASE twin TEMPLATE twin_kept")
        return self._heartbeat("run")

    def _heartbeat(self, *words: str) -> Run:
        run = self._processes.heartbeat(*words, at=self._now, config=self._config)
        assert run.code == 0 and not run.err, f"the twin: {run.err}"
        return run
