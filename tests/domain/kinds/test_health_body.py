"""The rules over a health answer's body, one table row per case."""

from typing import Any

import pytest

from heartbeat_cli.domain.kinds.health_body import (
    Verdict,
    as_text,
    explanation,
    judge_word,
    parse,
    understand,
)
from heartbeat_cli.domain.kinds.json_path import MISSING


@pytest.mark.parametrize(
    ("body", "opinion"),
    [
        ({"status": "ok"}, "healthy"),
        ({"status": "OK"}, "healthy"),
        ({"status": "UP", "components": {"db": {"status": "DOWN"}}}, "healthy"),
        ({"status": "pass"}, "healthy"),
        ({"status": " healthy "}, "healthy"),
        ({"status": "warn"}, "degraded"),
        ({"status": "degraded"}, "degraded"),
        ({"status": "fail"}, "unhealthy"),
        ({"status": "DOWN"}, "unhealthy"),
        ({"status": "OUT_OF_SERVICE"}, "unhealthy"),
        ({"status": "out-of-service"}, "unhealthy"),
        ({"status": "unhealthy"}, "unhealthy"),
        ({"status": "error"}, "unhealthy"),
        ({"ok": True}, "healthy"),
        ({"ok": False}, "unhealthy"),
        ({"healthy": False}, "unhealthy"),
        ({"status": "weird", "ok": False}, "unhealthy"),
        ({"status": False}, "unhealthy"),
        ({"status": "weird"}, None),
        ({"status": 200}, None),
        ({"status": None}, None),
        ({"status": {"status": "DOWN"}}, None),
        ({"ok": "false"}, None),
        ({"ok": 0}, None),
        ({"error": "of no status"}, None),
        ({"ready": True}, "healthy"),
        ({"ready": False}, "unhealthy"),
        ({"ok": True, "ready": False}, "unhealthy"),
        ({"ok": True, "ready": "no"}, "healthy"),
        ({"alive": False}, "unhealthy"),
        ({"status": "ok", "ready": False}, "healthy"),
        ({}, None),
        ([], None),
        (["fail"], None),
        ("fail", None),
        (False, None),
        (None, None),
        (MISSING, None),
    ],
)
def test_what_a_body_says(body: Any, opinion: str | None) -> None:
    assert understand(body).opinion == opinion


def test_the_verdict_names_the_word_and_the_explanation() -> None:
    assert understand({"status": "fail", "output": "disk\nfull"}) == Verdict("unhealthy", "status fail", "disk full")
    ready = {"ready": False, "failing": ["telegram"]}
    assert understand(ready) == Verdict("unhealthy", "ready false", "failing: telegram")
    assert understand({"ok": False}) == Verdict("unhealthy", "ok false", "")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"output": "no space", "message": "later"}, "no space"),
        ({"message": "queue is full"}, "queue is full"),
        ({"error": {"message": "inner"}}, "inner"),
        ({"error": {"code": 7}}, ""),
        ({"output": "", "error": "second"}, "second"),
        ({"output": 7}, ""),
        ({"output": "a\x1b[31m\r\nb\0c"}, "a [31m b c"),
        ({"output": "\ud800"}, ""),
        ({"output": "x" * 1000}, "x" * 199 + "…"),
        (["output"], ""),
        ({"failing": ["telegram", "state-database"]}, "failing: telegram, state-database"),
        ({"failing": ["telegram"], "message": "no channel"}, "no channel"),
        ({"failing": [], "errors": [{"code": 1}, {"message": "no disk"}]}, "errors: no disk"),
        ({"unhealthy": [{"name": "gpt"}, 7, None, " "]}, "unhealthy: gpt"),
        ({"failing": "telegram"}, ""),
        ({"failing": ["a\nb"] * 1000}, "failing: " + ", ".join(["a b"] * 10)),
        ({"pendingReason": "migrating"}, "migrating"),
        (MISSING, ""),
    ],
)
def test_how_a_body_explains_itself(body: Any, text: str) -> None:
    assert explanation(body) == text


@pytest.mark.parametrize("body", ["", "ok", "<html>", "{", '{"a":1}x', "[" * 100_000, "9" * 10_000, "\ufeff{}"])
def test_what_is_not_json_is_missing(body: str) -> None:
    assert parse(body) is MISSING


@pytest.mark.parametrize(
    ("value", "text"),
    [("ok", "ok"), (True, "true"), (None, "null"), (3, "3"), (0.5, "0.5"), ([1, "ü"], '[1, "ü"]')],
)
def test_values_as_a_user_would_write_them(value: Any, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(("word", "opinion"), [("UP", "healthy"), (True, "healthy"), (False, "unhealthy"), (1, None)])
def test_single_words(word: Any, opinion: str | None) -> None:
    assert judge_word(word) == opinion
