"""What killed passes left half-written goes when a day is over."""

import os
from pathlib import Path

from heartbeat_cli.config import places
from heartbeat_cli.passes.housekeeping import tidy
from heartbeat_cli.store.sql.database import Database
from tests.parts.scene import START, Scene
from tests.parts.stores import *  # noqa: F403 - the fixture of both stores


def test_half_written_files_go_once_a_day(store: Database, store_url: str, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("state", "state/compiled", "public", "badges")]
    own = {"file": f"{tmp_path}/public/index.html", "badges": f"{tmp_path}/badges"}
    tcp = {"kind": "tcp", "host": "127.0.0.1", "port": 1}
    scene = Scene(store, store_url, tmp_path, {"db": tcp}, dashboard=own)
    folders += [places.config_folder(scene.config), places.store_folder(scene.config)]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)

    def killed(at: float) -> None:
        for folder in folders:
            half = folder / f".half.{len(folder.name)}.new"
            half.touch()
            os.utime(half, (at, at))

    killed(START - 7_200)
    tidy.tidy(store, scene.config, START)
    assert [path for folder in folders for path in folder.glob(".half*")] == []
    killed(START - 7_200)
    tidy.tidy(store, scene.config, START + 60)
    assert all([*folder.glob(".half*")] for folder in folders)
    tidy.tidy(store, scene.config, START + 90_000)
    assert [path for folder in folders for path in folder.glob(".half*")] == []
