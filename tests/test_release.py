"""A release has the same bytes whenever and wherever it is built, and its SBOM names what heartbeat needs."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tomllib
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli import __version__
from tests.parts import faketime, lacking

ROOT = Path(__file__).parent.parent
PYTHON = ROOT / "out/release/bin/python"  # made by `make release`


def built(clone: Path, dist: Path, environment: dict[str, str]) -> dict[str, bytes]:
    """The files of a release of a clone."""
    argv = [str(PYTHON), "scripts/release", str(dist)]
    bare = {"PATH": os.environ["PATH"], "HOME": str(clone)}
    done = subprocess.run(argv, cwd=clone, env=bare | environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return {path.name: path.read_bytes() for path in dist.iterdir()}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not PYTHON.exists() or not (ROOT / ".git").exists() or not shutil.which("git"):
        lacking("the tools of a release (run `make release` in a clone)")
    folder = tmp_path_factory.mktemp("clones") / "here"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{ROOT}", str(folder)], check=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def release(clone: Path) -> dict[str, bytes]:
    return built(clone, clone.parent / "dist", {})


def test_another_folder_day_zone_and_umask_make_the_same_bytes(clone: Path, release: dict[str, bytes]) -> None:
    other = clone.parent / "somewhere/else"
    other.parent.mkdir()
    before = os.umask(0o077)
    try:
        shutil.copytree(clone, other)
        (other / "uncommitted").write_text("left out")
        later = {
            "LD_PRELOAD": str(faketime.library()),
            "FAKETIME": faketime.at(datetime(2031, 5, 6, tzinfo=UTC)),
            "TZ": "Asia/Hong_Kong",
            "LC_ALL": "C",
            "PYTHONHASHSEED": "7",
        }
        again = built(other, clone.parent / "other", later)
    finally:
        os.umask(before)
    assert {name: hashlib.sha256(one).hexdigest() for name, one in again.items()} == {
        name: hashlib.sha256(one).hexdigest() for name, one in release.items()
    }


def test_the_checksums_are_right_and_name_every_file(release: dict[str, bytes]) -> None:
    sums = dict(line.split("  ")[::-1] for line in release["SHA256SUMS"].decode().splitlines())
    assert sums == {name: hashlib.sha256(one).hexdigest() for name, one in release.items() if name != "SHA256SUMS"}
    assert sorted(name.rpartition(__version__)[2] for name in sums) == ["-py3-none-any.whl", ".cdx.json", ".tar.gz"]


def test_the_sbom_has_the_runtime_dependencies_and_no_other(clone: Path, release: dict[str, bytes]) -> None:
    (name,) = (one for one in release if one.endswith(".cdx.json"))
    made: dict[str, Any] = json.loads(release[name])
    assert (made["bomFormat"], made["metadata"]["component"]["name"]) == ("CycloneDX", "heartbeat-cli")
    assert "serialNumber" not in made
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", (clone / "release/runtime.txt").read_text(), re.M))
    assert {one["name"]: one["version"] for one in made["components"]} == pinned
    for one in made["components"]:
        assert any(hashed["alg"] == "SHA-256" for ref in one["externalReferences"] for hashed in ref["hashes"])
    refs = {one["bom-ref"]: one["name"] for one in made["components"]}
    needs = {refs.get(one["ref"], "root"): {refs[ref] for ref in one["dependsOn"]} for one in made["dependencies"]}
    assert needs["root"] == direct(clone)
    assert set.union(*needs.values()) == set(pinned)


def direct(folder: Path) -> set[str]:
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return {re.split(r"[<>=!\[ ;]", one)[0] for one in project["dependencies"]}


def test_the_pins_are_what_pyproject_asks_for() -> None:
    """`make locks` writes them."""
    for name, wanted in (("runtime", direct(ROOT)), ("tools", {"build", "cyclonedx-bom", "hatchling", "uv"})):
        pinned = set(re.findall(r"^([\w.-]+)==", (ROOT / f"release/{name}.txt").read_text(), re.M))
        assert wanted - pinned == set()


def test_the_wheel_has_no_file_of_tests(release: dict[str, bytes], tmp_path: Path) -> None:
    (name,) = (one for one in release if one.endswith(".whl"))
    (tmp_path / name).write_bytes(release[name])
    tops = {path.split("/")[0] for path in zipfile.ZipFile(tmp_path / name).namelist()}
    assert tops == {"heartbeat_cli", f"heartbeat_cli-{__version__}.data", f"heartbeat_cli-{__version__}.dist-info"}
