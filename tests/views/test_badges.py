"""Badges: what they say, and that whatever it is stays a picture."""

import xml.etree.ElementTree as ET
from binascii import crc32
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.store.board import board
from heartbeat_cli.views import badges
from tests.parts import deployment
from tests.views.test_dashboard import HOSTILE, NOW, _printable

SVG = "{http://www.w3.org/2000/svg}"


def made(config: Config, story: deployment.Story | None) -> dict[str, str]:
    with deployment.store(config) as db:
        if story:
            deployment.live(db, config, NOW, story, step=600.0, span=7200.0)
        found = board.read(db, config, ZoneInfo("UTC"), NOW)
    return badges.pictures(found, config, NOW)


def texts(picture: str) -> list[str]:
    return [one.text or "" for one in ET.fromstring(picture).iter(f"{SVG}text")]


def test_each_says_its_state_and_its_availability(tmp_path: Path) -> None:
    found = made(deployment.config(tmp_path), deployment.trouble)
    assert set(found) == {"_all.svg", *(f"{id_}.svg" for id_ in deployment.config(tmp_path).components)}
    assert texts(found["sshd.svg"]) == ["sshd", "healthy · 100 %"]
    name, state = texts(found["db.svg"])
    assert name == "PostgreSQL" and state.startswith("fault · ") and "100" not in state
    assert texts(found["_all.svg"])[1].startswith("4 in fault · ")
    assert "as of 2026-11-18 19:06:40" in found["_all.svg"] and badges.SIGN in found["db.svg"]


def test_a_found_component_does_not_take_the_file_of_a_written_one(tmp_path: Path) -> None:
    config = deployment.config(tmp_path)
    one = config.components["db"]
    ids = ("web_1", "web/1", "web/2")
    named = {id_: one._replace(id=id_, common=one.common._replace(name=id_)) for id_ in ids}
    found = made(config._replace(components=named), None)
    assert {name: texts(picture)[0] for name, picture in found.items() if name != badges.ALL} == {
        "web_1.svg": "web_1",
        f"web_1-{crc32(b'web/1'):08x}.svg": "web/1",
        "web_2.svg": "web/2",
    }


def test_what_was_never_looked_at_is_not_called_well(tmp_path: Path) -> None:
    found = made(deployment.config(tmp_path), None)
    assert texts(found["main.svg"]) == ["Main Agent", "unknown"]
    assert texts(found["_all.svg"]) == ["heartbeat", "10 not known"]
    assert texts(made(deployment.config(tmp_path / "none", components={}), None)["_all.svg"]) == [
        "heartbeat",
        "unknown",
    ]


@pytest.mark.parametrize("text", [one for one in map(_printable, HOSTILE) if one.strip()])
def test_a_hostile_name_stays_a_text(text: str, tmp_path: Path) -> None:
    components: dict[str, Any] = {"a": {"kind": "tcp", "name": text, "host": "localhost", "port": 1}}
    config = deployment.config(tmp_path, components=components)
    picture = made(config, lambda *_: Reading("healthy", 0.01))["a.svg"]
    tags = {one.tag.removeprefix(SVG) for one in ET.fromstring(picture).iter()}
    assert tags <= {"svg", "title", "clipPath", "rect", "g", "text"}
    assert texts(picture)[0][:20] == text[:20] and len(texts(picture)[0]) <= 40


def test_chinese_letters_get_their_room(tmp_path: Path) -> None:
    found = made(deployment.config(tmp_path, heartbeat={"locale": "zh-HK"}), deployment.calm)
    assert texts(found["sshd.svg"])[1] == "正常 · 100%"
    assert badges._width("正常") == badges._width("ab") + 2 * (badges._WIDE - badges._NARROW)
