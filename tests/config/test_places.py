"""Where a configuration keeps its files: one place for one file and one store, whatever it is called by."""

import os
from pathlib import Path

from heartbeat_cli.config import load, places


def loaded(folder: Path, text: str = "", name: str = "heartbeat.toml") -> load.Config:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'[heartbeat]\nstate_dir = "{folder}/state"\n{text}')
    return load.read(path)


def test_one_folder_for_a_configuration_file_however_it_is_named(tmp_path: Path) -> None:
    one = loaded(tmp_path)
    own = places.config_folder(one)
    assert own.parent == tmp_path / "state" and own.name.startswith("heartbeat-")
    (tmp_path / "linked").symlink_to(tmp_path)
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        for name in ("heartbeat.toml", "./heartbeat.toml", "linked/heartbeat.toml"):
            assert places.config_folder(load.read(Path(name))) == own
    finally:
        os.chdir(before)
    assert len({places.config_folder(loaded(tmp_path / name)).name for name in "ab"}) == 2, "of two files of one name"
    odd = places.config_folder(loaded(tmp_path, name="../" + "x/" * 3 + "wörld of " + "y" * 99 + ".toml")).name
    assert odd.startswith("w_rld_of_yyyyyyyyyyyyyyy-") and len(odd) == 33


def test_a_link_whose_target_changes_is_one_configuration(tmp_path: Path) -> None:
    """A ConfigMap: every update is a new folder behind a link."""
    found = set()
    for version in ("v1", "v2"):
        target = loaded(tmp_path / version)
        link = tmp_path / "heartbeat.toml"
        link.unlink(missing_ok=True)
        link.symlink_to(target.source)
        found.add(places.config_folder(load.read(link)).name)
    assert len(found) == 1


def test_the_built_in_configuration_has_its_own(tmp_path: Path) -> None:
    tables = {"heartbeat": {"state_dir": str(tmp_path)}}
    assert places.config_folder(load.load(tables, places.BUILT_IN)) == tmp_path / "built-in"


def test_one_folder_for_a_store_and_its_password_does_not_count(tmp_path: Path) -> None:
    urls = ("postgresql://u:one@h/d", "postgresql://u:two@h/d", "postgresql://u@h/other", f"sqlite:///{tmp_path}/x.db")
    found = [places.store_folder(loaded(tmp_path, f'store = "{url}"')) for url in urls]
    assert found[0] == found[1] and len(set(found)) == 3
    assert [one.name.partition("-")[0] for one in found[1:]] == ["postgresql", "postgresql", "sqlite"]
