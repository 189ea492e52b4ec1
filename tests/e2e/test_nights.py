"""A night of `scripts/nights` is told in both languages and by both channels, and its answers hold."""

import re
from pathlib import Path

from tests.parts import nights


def test_a_night_is_written_with_its_answers(tmp_path: Path) -> None:
    nights.write(tmp_path, {7: nights.STORIES[6]})
    key = (tmp_path / "key/night-07.md").read_text(encoding="utf-8")
    since = re.findall(r"\d\d:\d\d:\d\d", key)
    for locale in nights.LANGUAGES:
        told = (tmp_path / f"night-07.{locale}.txt").read_text(encoding="utf-8")
        assert "Telegram, chat of ops" in told and "Mail to ops@example.org" in told
        assert "PostgreSQL" in told and since[0] in told
