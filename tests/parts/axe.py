"""axe-core, the checker of accessibility, on a page in a real browser.

assert axe.faults(page_text, tmp_path) == []     # what is serious or critical: (impact, rule, where, how often)

The page's own policy would keep the checker out, so it looks at a copy without one.
"""

import importlib.util
import json
import re
from html import unescape
from pathlib import Path
from typing import NamedTuple

from tests.parts import chromium, lacking

_GRAVE = ("serious", "critical")
_ASK = """
axe.run(document, {resultTypes: ["violations"]}).then((found) => {
  const box = document.createElement("pre");
  box.id = "axe-found";
  box.textContent = JSON.stringify(found.violations.map((one) =>
    [one.impact, one.id, one.nodes[0].target.join(" "), one.nodes.length]));
  document.body.append(box);
});
"""


class Fault(NamedTuple):
    impact: str
    rule: str
    where: str
    number: int


def faults(page: str, folder: Path, *, dark: bool = False, width: int = 1200) -> list[Fault]:
    """The grave faults of a page as it looks at that width."""
    copy = folder / "checked.html"
    copy.write_text(_opened_up(page), encoding="utf-8")
    dom = chromium.open_page(copy, seconds=30.0, dark=dark, width=width).dom
    found = re.search(r'<pre id="axe-found">(.*?)</pre>', dom, re.S)
    assert found is not None, "the checker said nothing"
    every = [Fault(*one) for one in json.loads(unescape(found[1]))]
    return [one for one in every if one.impact in _GRAVE]


def _opened_up(page: str) -> str:
    page = re.sub(r'<meta http-equiv="(Content-Security-Policy|refresh)"[^>]*>', "", page)
    return page.replace("</body>", f"<script>{_source()}</script><script>{_ASK}</script></body>")


def _source() -> str:
    spec = importlib.util.find_spec("axe_core_python")
    if spec is None or not spec.submodule_search_locations:
        lacking("no axe-core: pip install axe-core-python")
    return (Path(spec.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")
