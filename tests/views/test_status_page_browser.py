"""The status page in a real browser, as the dashboard is: nothing on the console, no grave fault of accessibility,
light and dark, wide and on a phone, in two languages; it knows when it is old, and says without scripts when it was
written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from heartbeat_cli.domain.reporting.status_page import Facts
from heartbeat_cli.views import templates
from tests.parts import axe, chromium, deployment
from tests.views import status_pages as made
from tests.views.test_dashboard import HOSTILE, _printable, parsed


def _hostile(folder: Path) -> made.Made:
    names = [_printable(text) for text in HOSTILE]
    components = {f"h{n}": {"kind": "tcp", "name": name, "host": "x", "port": 1} for n, name in enumerate(names)}
    config = deployment.config(folder, components=components, status_page={"title": names[0]})
    with deployment.store(config) as db:
        deployment.live(db, config, made.NOW, deployment.trouble, step=600.0, span=3_600.0)
        return made.rendered(db, config)


def _unread(folder: Path) -> made.Made:
    return made.made_of(Facts([made.NOW - 1], has_history=False, is_read=False), made.config(folder))


_MADE: dict[str, Callable[[Path], made.Made]] = {
    "empty": made.empty,
    "good": made.good,
    "trouble": made.troubled,
    "chinese": lambda folder: made.troubled(folder, "zh-HK"),
    "unread": _unread,
    "hostile": _hostile,
}


class Pages(dict[str, str]):
    """Each is made when it is first wanted: several processes share these tests."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        super().__init__()
        self._folders = folders

    def __missing__(self, name: str) -> str:
        self[name] = page = _MADE[name](self._folders.mktemp(name)).page
        return page


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return Pages(tmp_path_factory)


@pytest.mark.parametrize("name", _MADE)
def test_a_browser_has_nothing_to_complain_of(pages: dict[str, str], name: str, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(pages[name], encoding="utf-8")
    seen = chromium.open_page(file)
    assert seen.console == []
    assert 'id="stale-age">(' in seen.dom, "its own script ran, and knows that the page is old"
    assert '<body class="is-stale">' in seen.dom and "<title>⚠ " in seen.dom
    assert "<title>owned" not in seen.dom


@pytest.mark.parametrize(
    ("name", "dark", "width"),
    [
        ("empty", False, 1200),
        ("good", True, 390),
        ("trouble", False, 1200),
        ("trouble", True, 1200),
        ("trouble", False, 390),
        ("chinese", False, 1200),
        ("chinese", True, 390),
        ("unread", True, 1200),
        ("hostile", False, 1200),
    ],
)
@pytest.mark.parametrize("stale", [False, True], ids=["young", "old"])
def test_nobody_is_shut_out(
    pages: dict[str, str], name: str, dark: bool, width: int, stale: bool, tmp_path: Path
) -> None:
    page = pages[name] if stale else _young(pages[name])
    assert axe.faults(page, tmp_path, dark=dark, width=width) == []


def test_the_checker_sees_what_it_should(pages: dict[str, str], tmp_path: Path) -> None:
    faint = pages["good"].replace("--soft: #556170", "--soft: #ccd0d4")
    assert "color-contrast" in {one.rule for one in axe.faults(_young(faint), tmp_path)}


def _young(page: str) -> str:
    """The page as long as it counts as new."""
    assert 'data-stale-after="180"' in page
    return page.replace('data-stale-after="180"', 'data-stale-after="99999999999"')


def test_a_young_page_is_not_called_old(pages: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(_young(pages["good"]), encoding="utf-8")
    dom = chromium.open_page(file).dom
    assert "is-stale" not in dom.partition("<body")[2].partition(">")[0] and 'id="stale-age"></span>' in dom


def test_without_scripts_it_says_when_it_was_written(pages: dict[str, str]) -> None:
    page = pages["good"]
    assert '<time datetime="2026-11-18T11:06:40.000+00:00">2026-11-18 19:06:40</time>' in page
    assert "<noscript>" in page and "compare the time above with your clock" in page


def test_nothing_is_wider_than_a_phone(pages: dict[str, str], tmp_path: Path) -> None:
    for name in ("trouble", "chinese", "hostile"):
        file = tmp_path / f"{name}.html"
        script = "document.body.dataset.over = document.documentElement.scrollWidth - innerWidth;"
        text = pages[name].replace("script-src '", f"script-src '{templates.Inline(script).hash}' '", 1)
        file.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
        over = dict(parsed(chromium.open_page(file, width=390).dom).tags)["body"]["data-over"]
        assert int(over or 0) <= 0, name


def test_the_page_asks_nobody_for_anything(pages: dict[str, str]) -> None:
    page = parsed(pages["trouble"])
    policy = dict(page.tags)["html"] and next(
        keys["content"] for tag, keys in page.tags if keys.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None and policy.startswith("default-src 'none'; style-src 'sha256-")
    asked = [keys[key] or "" for _, keys in page.tags for key in ("src", "href") if keys.get(key)]
    assert [one for one in asked if not one.startswith(("#", "data:image/svg+xml"))] == [
        *("feed.atom", "feed.atom", "status.json")
    ]
