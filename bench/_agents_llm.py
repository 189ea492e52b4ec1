"""The scenarios of model APIs: a front door that lists its models, and completions that fail behind it."""

import importlib.util
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bench._agents_scenario import Place, Restart, Scenario

_COMPLETIONS = "/v1/chat/completions"


def models(place: Place) -> Iterator[Scenario]:
    """The kind llm, with a canary at every other check."""
    if importlib.util.find_spec("heartbeat_cli.monitors.llm") is None:
        pytest.skip("there is no kind llm")
    for name, label, restart, broken in (
        ("llm-key-refused", "credentials", "never", {"*": _error(401, "invalid_api_key")}),
        ("llm-model-missing", "configuration", "never", {"*": _models("other")}),
        ("llm-quota-spent", "quota", "never", {_COMPLETIONS: _error(429, "insufficient_quota")}),
        ("llm-payment-required", "quota", "never", {_COMPLETIONS: _error(402, "payment_required")}),
        ("llm-rate-limited", "provider", "never", {_COMPLETIONS: _error(429, "rate_limit_exceeded")}),
        ("llm-provider-overloaded", "provider", "never", {_COMPLETIONS: _error(503, "overloaded")}),
        ("llm-server-error", "process", "must", {_COMPLETIONS: _error(500, "server_error")}),
        ("llm-completions-hang", "process", "must", {_COMPLETIONS: {"mode": "hang"}}),
        ("llm-wedged", "process", "must", None),
        ("llm-wrong-path", "configuration", "never", {"*": {"status": 404, "body": "not found"}}),
    ):
        yield _model(place, name, label, restart, broken)  # type: ignore[arg-type]


def _model(place: Place, name: str, label: str, restart: Restart, broken: Mapping[str, Any] | None) -> Scenario:
    well = {"*": _models("small"), _COMPLETIONS: _TOKEN}
    part = place.small(name, well)
    if broken is None:
        fail = part.freeze
    else:
        fail = (part.breaks_until_restart if restart == "must" else part.breaks)({**well, **broken})
    settings = {
        "url": part.url("/v1"),
        "model": "small",
        "canary": True,
        "canary_every": 3,
        "budget_per_day": 10_000,
        "first_token_warn": 1,
        "gateway": label == "provider",  # what answers here passes on what a provider says
    }
    return Scenario(name, "llm", label, restart, settings, fail, part.url("/v1/models"), (part.step,))


def _models(name: str) -> dict[str, Any]:
    return {"body": json.dumps({"object": "list", "data": [{"id": name, "object": "model"}]})}


def _error(status: int, code: str) -> dict[str, Any]:
    return {"status": status, "body": json.dumps({"error": {"message": code, "type": code, "code": code}})}


def _chunk(delta: Mapping[str, str], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    value = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "small", "choices": [choice]}
    return f"data: {json.dumps(value)}\n\n"


_TOKEN = {
    "type": "text/event-stream",
    "body": _chunk({"role": "assistant", "content": "p"}) + _chunk({}, "length") + "data: [DONE]\n\n",
}
