"""Lines that were stored become sentences again, in both stores."""

from typing import NamedTuple

import pytest

from heartbeat_cli.domain.plain import duration, one_line
from heartbeat_cli.domain.text import Text, joined, plain
from heartbeat_cli.i18n.catalogs import translated
from heartbeat_cli.redact import redact
from heartbeat_cli.store.sql import preferences, sentences
from heartbeat_cli.store.sql.database import Database

FALSE = Text("{n} failing checks in a row (threshold {threshold})", n=3, threshold=3)
REFUSED = Text("connection refused by {place}", place="db:5432")


class Row(NamedTuple):
    at: float
    line: str
    more: dict[str, list[str]]


def stored(store: Database, *lines: str) -> list[str]:
    """The lines as they come back: plain strings."""
    for number, line in enumerate(lines):
        with store.transaction():
            preferences.put(store, f"line-{number}", line)
    return [preferences.get(store, f"line-{number}") or "" for number in range(len(lines))]


def chinese(store: Database, line: str) -> str:
    assert type(line) is str
    return translated(sentences.known(store, line, "zh-HK"), "zh-HK")


def test_a_line_comes_back_as_the_sentence_it_was(store: Database) -> None:
    lines = [FALSE, joined([REFUSED, "it says: done", duration(65)]), Text("is being stopped")]
    assert [chinese(store, one) for one in stored(store, *lines)] == [
        "連續 3 次檢查失敗（門檻 3 次）",
        "db:5432 拒絕連接；it says: done；1 分鐘",
        "正被停止",
    ]


def test_a_sentence_made_of_a_stored_line_finds_that_one(store: Database) -> None:
    (line,) = stored(store, REFUSED)
    (whole,) = stored(store, Text("held: {reason}", reason=Text(line)))
    assert chinese(store, whole) == "沒有自動修復：db:5432 拒絕連接"


def test_what_nobody_said_as_a_sentence_stays(store: Database) -> None:
    assert [chinese(store, one) for one in stored(store, "exit 3", "完成", "")] == ["exit 3", "完成", ""]
    stored(store, Text("it says: {said}", said="is being stopped"), Text("is being stopped"))
    assert chinese(store, "it says: is being stopped") == "它表示：is being stopped"


def test_the_lines_in_rows_become_sentences(store: Database) -> None:
    (line,) = stored(store, REFUSED)
    row = Row(1.5, line, {"votes": ["here", line]})
    (found,) = sentences.known(store, [row], "zh-HK")
    assert found == row and isinstance(found, Row) and isinstance(found.more["votes"][1], Text)
    assert sentences.known(store, row, "en") is row
    other = Row(1.5, "x", {"votes": ["y"]})
    assert sentences.known(store, other, "zh-HK") is other


def test_plural_and_odd_signs_come_back(store: Database) -> None:
    two = Text.counted(2, "{n} step within {window}", "{n} steps within {window}", window=duration(3_600))
    odd = one_line(Text("it says: {said}", said="nul \0 half \ud800 \x1b[31m 字"))
    lines = stored(store, two, odd)
    assert lines[0] == "2 steps within 1 h" and chinese(store, lines[0]) == "1 小時內 2 步"
    assert chinese(store, lines[1]).startswith("它表示：nul half ")


def test_a_secret_is_in_neither_the_line_nor_its_source(store: Database) -> None:
    said = redact(Text("it says: {said}", said="my hunter2secret"), ["hunter2secret"])
    stored(store, said)
    ((line, source),) = store.rows("SELECT line, source FROM heartbeat_texts")
    assert "hunter2" not in line + source and chinese(store, line) == "它表示：my •••"


def test_a_secret_across_the_template_leaves_a_plain_line() -> None:
    said = redact(Text("it says: {said}", said="you"), ["says: you"])
    assert said == "it •••" and type(said) is str


def test_what_is_taken_back_was_not_said(store: Database) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction():
        preferences.put(store, "x", FALSE)
        raise ZeroDivisionError
    stored(store, "plain")
    assert store.rows("SELECT * FROM heartbeat_texts") == []


def test_a_line_is_kept_once_and_a_long_one_not_at_all(store: Database) -> None:
    stored(store, FALSE, FALSE, Text("it says: {said}", said="字" * 900))
    assert [row[0] for row in store.rows("SELECT line FROM heartbeat_texts")] == [plain(FALSE)]
    store.run("UPDATE heartbeat_texts SET day = day - 5")
    stored(store, FALSE)
    assert sentences.rows(store, [FALSE]) == store.rows("SELECT line, source, day FROM heartbeat_texts")


@pytest.mark.parametrize(
    "source",
    [
        *("", "[", "3", "[]", '["{a.__class__}", {"a": 1}]', '["{a}", {}]', '["a", {"a": [[]]}]'),
        '["{a:>9999999}", {"a": ["is being stopped", {}]}]',
        '["is being stopped", {"a": 1}, "{a:>9999999}"]',
    ],
)
def test_a_source_of_somebody_elses_breaks_nothing(store: Database, source: str) -> None:
    store.run("INSERT INTO heartbeat_texts (line, source, day) VALUES (?, ?, 1)", ("a line", source))
    assert chinese(store, "a line") == "a line"
