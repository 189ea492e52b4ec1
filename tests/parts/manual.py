"""The fenced blocks of a page of the manual, so that tests run what it says and no copy of it."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    """Every block of that language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.M | re.S)


def files(page: str, language: str) -> dict[str, str]:
    """The blocks that begin with `# /path/of/a/file`, by that path."""
    found = [re.match(r"# (/\S+)\n", block) for block in blocks(page, language)]
    return {one[1]: one.string for one in found if one}
