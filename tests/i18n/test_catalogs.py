"""The catalogs say all that the code says, and nothing else; and they are compiled as they stand."""

import importlib.util
import string
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.text import Text
from heartbeat_cli.i18n import catalogs
from heartbeat_cli.views import messages, wording

ROOT = Path(__file__).parents[2]
CATALOGS = sorted(catalogs.FOLDER.glob("*/LC_MESSAGES/*.po"))
BY_LOCALE = {path.parents[1].name: path for path in CATALOGS}


@cache
def script() -> Any:
    loader = SourceFileLoader("catalogs_script", str(ROOT / "scripts/catalogs"))
    spec = importlib.util.spec_from_loader("catalogs_script", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@cache
def said() -> Catalog:
    """Every message of the code and the templates."""
    made: Catalog = script().template()
    return made


def read(locale: str) -> Catalog:
    with BY_LOCALE[locale].open("rb") as handle:
        return read_po(handle, locale=locale)


def forms(value: Any) -> list[str]:
    return list(value) if isinstance(value, list | tuple) else [value]


def places(template: str) -> set[str]:
    return {f"{name}:{spec}" for _, name, spec, _ in string.Formatter().parse(template) if name is not None}


@pytest.mark.whole
@pytest.mark.parametrize("locale", BY_LOCALE)
def test_a_catalog_has_every_message_and_no_other(locale: str) -> None:
    """`make catalogs` brings it up to that; what is new is then to be translated."""
    wanted, there = ({(one.id, one.context) for one in some if one.id} for some in (said(), read(locale)))
    assert (sorted(map(str, wanted - there)), sorted(map(str, there - wanted))) == ([], [])


@pytest.mark.parametrize("locale", BY_LOCALE)
def test_every_message_is_translated_and_keeps_its_places(locale: str) -> None:
    catalog = read(locale)
    assert [one.id for one in catalog if one.id and (one.fuzzy or not all(forms(one.string)))] == []
    for one in catalog:
        for text in forms(one.string) if one.id else ():
            assert places(text) <= places(forms(one.id)[-1]) | {"n:"}, one.id
            assert places(forms(one.id)[-1]) - places(text) <= {"n:"}, one.id


@pytest.mark.parametrize("locale", BY_LOCALE)
def test_a_catalog_is_compiled_as_it_stands(locale: str) -> None:
    path = BY_LOCALE[locale].with_suffix(".mo")
    assert path.read_bytes() == script().as_mo(read(locale)), "run `make catalogs`"


def test_a_language_is_known_by_its_catalog() -> None:
    assert catalogs.available("en") and catalogs.available("zh-HK")
    assert not any(map(catalogs.available, ("", "tlh", "../zh-HK", "zh", "zh-HK/LC_MESSAGES", "zh-hk\n")))


def test_a_language_takes_its_catalog_alone() -> None:
    """No module knows of `zh-CN`: what there is of it is one file."""
    named = [
        path for path in (ROOT / "src").rglob("*.py") if "zh-CN" in path.read_text() or "zh_CN" in path.read_text()
    ]
    assert named == [] and not list((ROOT / "templates").glob("*zh*"))
    alert = Alert(
        "a", "agent_down", "high", "main", "main", 0.0, "i", duration(65), {"cause": Text("is being stopped")}
    )
    made = messages.message(alert, "zh-CN", "UTC", ())
    assert "正被停止" in made.text and "发出原因：1 分钟" in made.text
    assert wording.word("needs_person", "zh-CN") == "需要人工处理"
