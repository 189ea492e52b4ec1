"""The pages about plug-ins: what they show works as it stands, and what there is they name."""

import json
import os
import re
from pathlib import Path

from heartbeat_cli import plugin_api
from heartbeat_cli.plugin_host import contract, host, stand_in, values
from tests.parts import wheel
from tests.parts.manual import DOCS, blocks
from tests.parts.plugins import Packages

RECIPE, API = "recipes/ship-a-kind.md", "reference/plugin-api.md"


def test_the_package_of_the_recipe_is_built_installed_and_used(tmp_path: Path) -> None:
    """From its two files; an editable installation is the same but for the copy."""
    source = tmp_path / "source"
    source.mkdir()
    for block in (blocks(RECIPE, "ini")[0], blocks(RECIPE, "python")[0]):
        name = re.match(r"# (\S+)\n", block)
        assert name is not None
        (source / name[1]).write_text(block)
    site = Packages(tmp_path / "site")
    wheel.install_into(site.folder, wheel.built(source))
    export = tmp_path / "latest.csv"
    config = blocks(RECIPE, "ini")[1].replace("/srv/export/latest.csv", str(export))
    (tmp_path / "heartbeat.toml").write_text(config)
    assert "max_age: a duration, default 86400" in site.heartbeat(tmp_path, "kinds", "file_age").out

    def seen() -> tuple[str, str]:
        ended = site.heartbeat(tmp_path, "check", "--component", "export", "--format", "json")
        (row,) = json.loads(ended.out)
        return row["status"], row["error"]

    assert seen() == ("unhealthy", "no such file")
    export.touch()
    assert seen() == ("healthy", None)
    os.utime(export, (0, 0))
    assert seen()[0] == "unhealthy"


def test_the_reference_names_all_there_is() -> None:
    text = (DOCS / API).read_text()
    words = set(re.findall(r"\w+", text))
    results = {"Category", "Remedy", "Result", "Severity", "Status", "Fault"}  # types of fields that it names
    assert set(plugin_api.__all__) - results - words == set()
    for room in contract.SHAPES:
        assert {*(name for shape in contract.SHAPES[room] for name in shape), *contract.OPTIONAL[room]} <= words
    for value in (
        plugin_api.Request,
        plugin_api.Response,
        plugin_api.Fault,
        plugin_api.CheckContext,
        plugin_api.Reading,
        plugin_api.Outcome,
        plugin_api.Right,
    ):
        assert set(value._fields) - {"note"} <= words, "a plug-in has no note"


def test_the_reference_says_the_limits() -> None:
    text = (DOCS / API).read_text()
    for said in (
        f"longer than {host.IMPORT:g} s",
        f"longer than {stand_in._EXAMINE:g} s, or {stand_in._EXAMINES:g} s for all",
        f"up to {values._METRICS:,} `Metric",
        f"{values._MEMORY // 1024} KiB at most",
        f"1 (the default) to {values._ATTEMPTS};",
        f"at most {values._OUTPUT:,} characters",
        "`" + "`, `".join(host._KEPT[:3]) + "`",
    ):
        assert said in text, said
