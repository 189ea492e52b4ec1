"""What answers of model APIs mean."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.kinds import model_api
from heartbeat_cli.domain.kinds.model_api import ApiError, Completion, classify, error_of, models, retry_after


@pytest.mark.parametrize(
    ("status", "words", "remote", "local"),
    [
        (401, "", "credentials", "credentials"),
        (403, "", "credentials", "credentials"),
        (403, "billing_not_active", "quota", "quota"),
        (402, "", "quota", "quota"),
        (429, "insufficient_quota", "quota", "quota"),
        (429, "rate_limit_exceeded", "provider", "provider"),
        (429, "", "provider", "provider"),
        (400, "budget_exceeded", "quota", "quota"),
        (400, "no_db_connection", "credentials", "credentials"),
        (400, "", "configuration", "configuration"),
        (404, "model_not_found", "configuration", "configuration"),
        (408, "", "provider", "process"),
        (500, "not_found_error", "provider", "process"),
        (503, "", "provider", "process"),
        (529, "overloaded_error", "provider", "process"),
        (200, "overloaded_error", "provider", "process"),
        (200, "429 ", "provider", "provider"),
        (200, "401", "credentials", "credentials"),
        (200, "", "provider", "process"),
    ],
)
def test_categories(status: int, words: str, remote: str, local: str) -> None:
    error = ApiError(words, "")
    assert classify(status, error, False).category == remote
    assert classify(status, error, True).category == local
    expected = "degraded" if (remote, local) == ("provider", "provider") else "unhealthy"
    assert classify(status, error, False).status == expected


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"error": {"message": "no\nway", "type": "T", "code": 429}}, ApiError("429 t ", "no way")),
        ({"error": "model 'x' not found"}, ApiError("", "model 'x' not found")),
        ({"detail": "Not Found"}, ApiError("", "Not Found")),
        ({"object": "error", "message": "m", "type": "t", "code": 404}, ApiError("404 t ", "m")),
        ({"data": []}, None),
        (["error"], None),
    ],
)
def test_errors(answer: Any, found: ApiError | None) -> None:
    assert error_of(answer) == found


@pytest.mark.parametrize(
    ("answer", "ids"),
    [
        ({"data": [{"id": "a"}, {"id": 1}, "b"]}, ("a",)),
        ({"object": "list", "data": None}, ()),
        ({"models": []}, None),
        ([], None),
    ],
)
def test_lists_of_models(answer: Any, ids: tuple[str, ...] | None) -> None:
    assert models(answer) == ids


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (" 0 ", 0.0),
        ("99999999", 86_400.0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, 100.0) == seconds


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"


def test_a_stream_is_over_with_its_reason() -> None:
    stream = Completion()
    assert not stream.feed(chunk(role="assistant", content=""))
    assert not stream.begun
    assert not stream.feed(chunk(content="p")) and stream.begun
    assert stream.feed(chunk("length")) and not stream.empty


@pytest.mark.parametrize("delta", [{"reasoning_content": "h"}, {"reasoning": "h"}, {"tool_calls": [{}]}])
def test_other_tokens_are_tokens(delta: dict[str, Any]) -> None:
    stream = Completion()
    stream.feed(chunk(**delta))
    assert stream.begun


def test_a_token_without_text_is_no_empty_completion() -> None:
    """A model that thinks first, or half a character, shows nothing within one token."""
    stream = Completion()
    stream.feed(chunk("length"))
    assert not stream.begun and not stream.empty


@pytest.mark.whole
@given(st.binary(max_size=200), st.recursive(st.none() | st.text(), lambda inner: st.lists(inner)))
def test_anything_else_is_borne(piece: bytes, value: Any) -> None:
    stream = Completion()
    stream.feed(piece)
    stream.take({"choices": value, "error": value})
    stream.take({"choices": [{"delta": value, "finish_reason": value}]})
    error_of(value)
    models({"data": value})
    model_api.parse(piece)
