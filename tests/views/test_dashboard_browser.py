"""The dashboard in a real browser: empty, one component, the deployment in trouble, 500 components, attacks. Nothing on
the console, nobody asked for anything, no grave fault of accessibility, light and dark, wide and on a phone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from heartbeat_cli.views import templates
from tests.parts import axe, chromium
from tests.views import pages as made
from tests.views.test_dashboard import hostile, parsed, said

# The throng has every kind of row and place of the crowd, without the four hundred that are like the others: the
# checker would take half a minute over them.
_MADE: dict[str, Callable[[Path], str]] = {
    "empty": made.empty,
    "single": made.single,
    "trouble": made.troubled,
    "chinese": lambda folder: made.troubled(folder, "zh-HK"),
    "crowd": made.crowded,
    "throng": lambda folder: made.crowded(folder, numbers=(*range(100), 141, 242)),
    "hostile": lambda folder: hostile(folder)[1],
}


class Pages(dict[str, str]):
    """Each is made when it is first wanted: several processes share these tests."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        super().__init__()
        self._folders = folders

    def __missing__(self, name: str) -> str:
        self[name] = page = _MADE[name](self._folders.mktemp(name))
        return page


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return Pages(tmp_path_factory)


@pytest.mark.parametrize("name", ["empty", "single", "trouble", "chinese", "crowd", "hostile"])
def test_a_browser_has_nothing_to_complain_of(pages: dict[str, str], name: str, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(pages[name], encoding="utf-8")
    seen = chromium.open_page(file)
    assert seen.console == []
    assert 'id="stale-age">(' in seen.dom, "its own script ran"
    assert "<title>owned" not in seen.dom


@pytest.mark.parametrize(
    ("name", "dark", "width"),
    [
        ("empty", False, 1200),
        ("single", True, 390),
        ("trouble", False, 1200),
        ("trouble", True, 1200),
        ("trouble", False, 390),
        ("chinese", True, 390),
        ("throng", False, 1200),
        ("hostile", False, 1200),
    ],
)
def test_nobody_is_shut_out(pages: dict[str, str], name: str, dark: bool, width: int, tmp_path: Path) -> None:
    assert axe.faults(pages[name], tmp_path, dark=dark, width=width) == []


def test_the_checker_sees_what_it_should(pages: dict[str, str], tmp_path: Path) -> None:
    faint = pages["single"].replace("--soft: #556170", "--soft: #ccd0d4")
    assert "color-contrast" in {one.rule for one in axe.faults(faint, tmp_path)}


def test_nothing_is_wider_than_a_phone(pages: dict[str, str], tmp_path: Path) -> None:
    for name in ("trouble", "chinese", "crowd", "hostile"):
        file = tmp_path / f"{name}.html"
        script = "document.body.dataset.over = document.documentElement.scrollWidth - innerWidth;"
        file.write_text(_with_script(pages[name], script), encoding="utf-8")
        over = dict(parsed(chromium.open_page(file, width=390).dom).tags)["body"]["data-over"]
        assert int(over or 0) <= 0, name


def test_trouble_comes_first_among_500_and_the_rest_is_found_again(pages: dict[str, str], tmp_path: Path) -> None:
    text = said(pages["crowd"])
    assert "2 of 500 components in fault" in text
    first, second = text.index("unit-042"), text.index("unit-141")
    assert text.index("Open incidents") < first < second
    file = tmp_path / "crowd.html"
    typed = (
        'const box = document.getElementById("filter"); box.value = "unit-333"; box.dispatchEvent(new Event("input"));'
        'document.body.dataset.seen = [...document.querySelectorAll("tbody tr[id]")]'
        ".filter((row) => row.checkVisibility()).map((row) => row.id).join();"
    )
    file.write_text(_with_script(pages["crowd"], typed), encoding="utf-8")
    assert dict(parsed(chromium.open_page(file).dom).tags)["body"]["data-seen"] == "c-unit-333"


def test_a_link_to_a_component_that_is_folded_away_opens_its_place(pages: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "crowd.html"
    script = (
        'location.hash = "c-unit-333"; setTimeout(() => { document.body.dataset.seen ='
        ' document.getElementById("c-unit-333").checkVisibility(); }, 100);'
    )
    file.write_text(_with_script(pages["crowd"], script), encoding="utf-8")
    assert dict(parsed(chromium.open_page(file).dom).tags)["body"]["data-seen"] == "true"


def _with_script(text: str, script: str) -> str:
    """The page with a second script, let in by its own hash."""
    allowed = templates.Inline(script).hash
    text = text.replace("script-src '", f"script-src '{allowed}' '", 1)
    return text.replace("</body>", f"<script>{script}</script></body>")


def test_the_throng_has_every_kind_of_row_and_place_of_the_crowd(pages: dict[str, str]) -> None:
    crowd, throng = (
        {(tag, names.get("class"), "hidden" in names) for tag, names in parsed(pages[name]).tags}
        for name in ("crowd", "throng")
    )
    assert throng == crowd


def test_a_page_of_500_stays_small(pages: dict[str, str]) -> None:
    assert len(pages["crowd"].encode()) < 1_200_000
