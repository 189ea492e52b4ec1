"""Evidence of several lines, from the check through the store to the reader: ours in his language, what others say as
it is."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from heartbeat_cli.domain import text_source
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.plain import bounded, duration
from heartbeat_cli.domain.text import Text, listed, plain, stacked
from heartbeat_cli.i18n.catalogs import translated
from heartbeat_cli.monitors import _connection_holders
from heartbeat_cli.passes.check.engine import tidy
from heartbeat_cli.redact import redact
from heartbeat_cli.store.history import last_checks
from heartbeat_cli.store.sql import sentences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.views.wording import told

WHO = listed(
    [Text("role {role}", role="app"), Text("idle in transaction"), Text("the oldest for {span}", span=duration(2_820))]
)
HELD = stacked(
    [
        Text("{span} ago: {used:.0f} of {most:.0f} connections used", span=duration(60), used=98.0, most=100.0),
        Text.counted(71, "{n} connection: {who}", "{n} connections: {who}", who=WHO),
        "is being stopped",
    ]
)
CHINESE = (
    "1 分鐘前：100 個連接已用 98 個\n71 個連接：role app，idle in transaction，最長的已有 47 分鐘\nis being stopped"
)


def kept(store: Database, text: str, secrets: tuple[str, ...] = ()) -> str:
    """A piece of evidence as an alert has it, after check and store."""
    reading = tidy(Reading("unhealthy", evidence={"piece": text}))
    found = {label: redact(piece, secrets) for label, piece in reading.evidence.items()}
    with store.transaction():
        last_checks.save(store, "here", 1.0, {"main": reading._replace(evidence=found)})
    return last_checks.read(store)["main"].evidence["piece"]


def shown(store: Database, text: str, locale: str = "zh-HK") -> str:
    return told(sentences.known(store, text, locale), locale, "Asia/Hong_Kong")


def test_lines_of_ours_come_back_in_the_readers_language(store: Database) -> None:
    text = kept(store, HELD)
    assert type(text) is str and text == plain(HELD)
    assert shown(store, text) == CHINESE
    assert shown(store, text, "en") == text


def test_moments_are_local_in_english_too(store: Database) -> None:
    state = listed([Text("{key} {value}", key="StartedAt", value="2026-11-28T22:29:00.09639368Z"), "x"])
    text = kept(store, stacked([state, "2026-11-28T22:29:00Z said the log"]))
    assert shown(store, text, "en") == "StartedAt 2026-11-29 06:29:00, x\n2026-11-28T22:29:00Z said the log"


def test_what_an_earlier_version_stored_and_what_others_say_stays(store: Database) -> None:
    stored = kept(store, Text("is being stopped"))
    assert shown(store, stored) == "正被停止"
    for text in ("is being stopped\nis being stopped", plain(HELD), "a\n" * 900, "\n", "字" * 5_000):
        assert shown(store, kept(store, text)).strip() == bounded(text).strip()


def test_a_line_is_never_taken_for_the_checksum_of_a_text(store: Database) -> None:
    kept(store, HELD)
    ((key,),) = store.rows("SELECT line FROM heartbeat_texts")
    assert key[0] == "\n" and len(key) == 65
    assert shown(store, key) == key and shown(store, key[1:]) == key[1:]


def test_a_secret_is_in_neither_the_lines_nor_their_source(store: Database) -> None:
    text = kept(
        store, stacked([Text("role {role}", role="hunter2secret"), Text("is being stopped")]), ("hunter2secret",)
    )
    ((source,),) = store.rows("SELECT source FROM heartbeat_texts")
    assert "hunter2" not in text + source and shown(store, text) == "role •••\n正被停止"


def test_what_does_not_fit_is_left_out_by_lines(store: Database) -> None:
    lines = [Text("role {role}", role=f"{number:03}" + "x" * 50) for number in range(60)]
    text = stacked(lines, 1_000)
    assert len(text) <= 1_000 and text.endswith("x\n…") and isinstance(text, Text)
    assert shown(store, kept(store, text)).startswith("role 000x")
    assert stacked(["a", "b"]) == "a\nb" and type(stacked(["a", "b"])) is str
    assert stacked([]) == "" and stacked([HELD, "c"]).count("\n") == 3
    assert translated(stacked([HELD, "c"]), "zh-HK") == CHINESE + "\nc"


def test_a_memory_gives_back_the_lines(store: Database) -> None:
    def remembered(who: Any) -> Mapping[str, str]:
        memory = json.loads(json.dumps({"connections": {"at": 0.0, "used": 98, "max": 100, "who": who}}))
        return _connection_holders.remembered(CheckContext("db", 5.0, 60.0, memory))

    text = Text.counted(71, "{n} connection: {who}", "{n} connections: {who}", who=WHO)
    (found,) = remembered(text_source.source(text)).values()
    assert shown(store, kept(store, found)) == CHINESE.rpartition("\n")[0]
    (found,) = remembered("71 connections: of an earlier version").values()
    assert translated(found, "zh-HK").endswith("\n71 connections: of an earlier version")


@pytest.mark.parametrize("value", [None, 3, [], [3], ["{a.b}", {"a": 1}], ["{a}", {}, "{a:>99999}"], {"a": 1}])
def test_a_source_that_is_none_is_no_text(value: Any) -> None:
    assert text_source.made(value) in ("", "{a}")


def test_a_source_of_too_many_pieces_is_no_text() -> None:
    assert text_source.made(["{a}", {"a": "b", **{f"b{n}": 1 for n in range(400)}}]) == ""
