"""The scenarios over small servers: what agents, metrics and model gateways answer when they are broken at will.

The pages of OpenClaw are those that were recorded for the tests of its kind.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.parts.http import certificate

from bench._agents_parts import Small
from bench._agents_scenario import Place, Restart, Scenario

_PAGES = Path(__file__).parent.parent / "tests/monitors/openclaw_pages"
_Answer = Mapping[str, Any]
_OK: _Answer = {"body": '{"status": "ok"}'}
_HTML: _Answer = {"body": "<!doctype html>\n<html><title>Control</title></html>", "type": "text/html; charset=utf-8"}


def agents(place: Place) -> Iterator[Scenario]:
    """The kind agent: what ends, hangs or lies is restarted, and what an answer blames elsewhere is not."""
    yield _agent(place, "agent-killed", "process", "must", "kill")
    yield _agent(place, "agent-wedged", "process", "must", "freeze")
    mended_by_restart: dict[str, _Answer] = {
        "agent-never-answers": {"mode": "hang"},
        "agent-closes-without-an-answer": {"mode": "close"},
        "agent-500": {"status": 500, "body": '{"status": "error"}'},
        "agent-body-says-fail": {"body": '{"status": "fail", "output": "worker pool is dead"}'},
    }
    for name, broken in mended_by_restart.items():
        yield _agent(place, name, "process", "must", broken, until_restart=True)
    left_alone: tuple[tuple[str, str, _Answer], ...] = (
        ("agent-401", "credentials", {"status": 401, "body": '{"error": "token expired"}'}),
        ("agent-403", "credentials", {"status": 403, "body": '{"error": "forbidden"}'}),
        ("agent-402", "quota", {"status": 402, "body": '{"error": "payment required"}'}),
        ("agent-429", "provider", {"status": 429, "body": '{"error": "slow down"}'}),
        ("agent-404", "configuration", {"status": 404, "body": '{"detail": "Not Found"}'}),
    )
    for name, label, broken in left_alone:
        yield _agent(place, name, label, "never", broken)
    yield _agent(place, "agent-busy", "healthy", "never", {**_OK, "delay": 0.4})
    yield _agent(place, "agent-idle", "healthy", "never", _OK)
    yield _agent(
        place, "agent-catch-all", "configuration", "never", _HTML, expect="json", json_path="status", equals="ok"
    )
    yield _moved(place, "agent-name-does-not-resolve", "network", "http://agent.invalid:8000/health")
    yield _certificate(place)
    yield from _family(place)
    yield _model_gateway(place)


def _agent(
    place: Place, name: str, label: str, restart: Restart, broken: str | Mapping[str, Any], *,
    until_restart: bool = False, **settings: Any,
) -> Scenario:  # fmt: skip
    part = place.small(name, _OK)
    if isinstance(broken, str):
        fail = part.kill if broken == "kill" else part.freeze
    else:
        fail = part.breaks_until_restart(broken) if until_restart else part.breaks(broken)
    return Scenario(
        name, "agent", label, restart, {"url": part.url(), **settings}, fail, part.url(), steps=(part.step,)
    )


def _moved(place: Place, name: str, label: str, url: str) -> Scenario:
    """Somebody has edited the address."""
    part = place.small(name, _OK)
    return Scenario(
        name, "agent", label, "never", {"url": part.url()}, curl=part.url(), steps=(part.step,), after={"url": url}
    )


def _family(place: Place) -> Iterator[Scenario]:
    """A child fails because its parent does, and comes back with it. What its check sees is of category process."""
    parent = _agent(place, "agent-parent-killed", "process", "must", "kill")
    yield parent
    part = place.small("agent-child-of-it", {**_OK, "needs": place.parts[-1].port})
    yield Scenario("agent-child-of-it", "agent", "process", "never", {"url": part.url()}, curl=part.url(),
                   steps=(part.step,), keys={"depends_on": [parent.id]})  # fmt: skip


def _certificate(place: Place) -> Scenario:
    part = place.small("agent-certificate-ended", _OK)
    new, old = part.folder, part.folder / "old"
    old.mkdir()
    certificate(new)
    certificate(old, days=-1)
    (part.folder / "ca.pem").write_bytes((new / "cert.pem").read_bytes() + (old / "cert.pem").read_bytes())

    def fail() -> None:
        for name in ("key.pem", "cert.pem"):
            (old / name).rename(new / name)

    url = part.url(scheme="https")
    settings = {"url": url, "ca_file": str(part.folder / "ca.pem"), "certificate_warn_days": 1}
    return Scenario(part.folder.name, "agent", "configuration", "never", settings, fail, url, steps=(part.step,))


def _model_gateway(place: Place) -> Scenario:
    """As LiteLLM's /health: 200, whatever its providers do."""
    part = place.small("agent-no-healthy-model", {"body": '{"healthy_count": 1, "unhealthy_count": 0}'})
    fail = part.breaks({"body": '{"healthy_count": 0, "unhealthy_count": 1}'})
    check = {"path": "healthy_count", "op": ">=", "critical": 1, "category": "provider"}
    settings = {"url": part.url(), "checks": [check]}
    return Scenario(
        "agent-no-healthy-model", "agent", "provider", "never", settings, fail, part.url(), steps=(part.step,)
    )


def gateways(place: Place) -> Iterator[Scenario]:
    """The kind openclaw over recorded pages."""
    pages: tuple[tuple[str, str, Restart, dict[str, Any]], ...] = (
        ("startup-sidecars", "starting", "never", {}),
        ("gateway-draining", "draining", "never", {}),
        ("channel-refused", "credentials", "never", {"required_channels": ["telegram"]}),
        ("channel-unreachable", "dependency", "never", {"required_channels": ["telegram"]}),
        ("agent-database", "dependency", "never", {}),
        ("state-database", "dependency", "never", {}),
        ("plugin-reload", "draining", "never", {}),
        ("plugin-reload-failed", "configuration", "never", {}),
        ("internal", "process", "must", {}),
    )
    for name, label, restart, keys in pages:
        yield _gateway(place, f"openclaw-{name}", label, restart, {"/readyz": _page(name)}, **keys)
    late = _page("startup-sidecars", uptimeMs=400_000)
    yield _gateway(place, "openclaw-starts-for-too-long", "process", "must", {"/readyz": late})
    slow = _page("ready", eventLoop={"delayP99Ms": 4_000, "utilization": 1})
    yield _gateway(place, "openclaw-slow-event-loop", "resource", "never", {"/readyz": slow})
    yield _gateway(place, "openclaw-catch-all", "configuration", "never", {"/readyz": _HTML})
    forbidden = {"status": 403, "body": '{"error": "forbidden"}'}
    yield _gateway(place, "openclaw-behind-a-proxy", "unknown", "never", {"/readyz": forbidden})
    yield _gateway(place, "openclaw-wedged", "process", "must", None)


def _page(name: str, **changes: Any) -> dict[str, Any]:
    document = json.loads((_PAGES / f"{name}.json").read_text()) | changes
    return {"status": 200 if document["ready"] else 503, "body": json.dumps(document)}


def _gateway(
    place: Place, name: str, label: str, restart: Restart, broken: Mapping[str, Any] | None, **keys: Any
) -> Scenario:
    live = {"*": _HTML, "/healthz": {"body": '{"ok":true,"status":"live"}'}}
    part = place.small(name, {**live, "/readyz": _page("ready")})
    if broken is None:
        fail = part.freeze
    else:
        change = part.breaks_until_restart if restart == "must" else part.breaks
        fail = change({**live, **broken})
    settings = {"url": part.url(""), **keys}
    return Scenario(name, "openclaw", label, restart, settings, fail, part.url("/healthz"), steps=(part.step,))


_METRICS = """# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting {waiting}
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total {tokens}
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc {cache}
"""


def _metrics(waiting: int, tokens: str, cache: float = 0.5) -> dict[str, Any]:
    text = _METRICS.format(waiting=waiting, tokens=tokens, cache=cache)
    return {"body": text, "type": "text/plain; version=0.0.4"}


def engines(place: Place) -> Iterator[Scenario]:
    """A model server by its metrics (as vLLM has them) and a budget: the front door answers 200 all the time."""
    counters: tuple[tuple[str, str, Restart, _Answer], ...] = (
        ("engine-stuck", "process", "must", _metrics(7, "1000")),
        ("engine-busy", "healthy", "never", _metrics(40, "9@SECONDS@")),
        ("engine-idle", "healthy", "never", _metrics(0, "1000")),
    )
    for name, label, restart, broken in counters:
        part = place.small(name, _metrics(0, "1000"))
        yield _progress(part, label, restart, broken)
    check = {"metric": "vllm:kv_cache_usage_perc", "op": "<", "critical": 0.95, "category": "resource"}
    pages: tuple[tuple[str, str, _Answer], ...] = (
        ("metrics-cache-full", "resource", _metrics(0, "1000", 0.99)),
        ("metrics-catch-all", "configuration", _HTML),
        ("metrics-404", "configuration", {"status": 404, "body": "404 page not found", "type": "text/plain"}),
    )
    for name, label, broken in pages:
        part = place.small(name, _metrics(0, "1000"))
        settings: dict[str, Any] = {"url": part.url("/metrics"), "checks": [check]}
        yield Scenario(
            name, "prometheus", label, "never", settings, part.breaks(broken), part.url(), steps=(part.step,)
        )
    part = place.small("budget-spent", {"body": '{"tokens": 1000}'})
    source = {"json": {"url": part.url("/spent"), "path": "tokens"}}
    settings = {"spent": source, "limit": 5_000, "per": "day", "counts": "tokens"}
    fail = part.breaks({"body": '{"tokens": 9000}'})
    yield Scenario("budget-spent", "budget", "quota", "never", settings, fail, part.url(), steps=(part.step,))


def _progress(part: Small, label: str, restart: Restart, broken: Mapping[str, Any]) -> Scenario:
    page = part.url("/metrics")
    settings = {
        "waiting": {"prometheus": {"url": page, "metric": "vllm:num_requests_waiting"}},
        "done": {"prometheus": {"url": page, "metric": "vllm:generation_tokens_total"}},
        "within": 14,
    }
    change = part.breaks_until_restart if restart == "must" else part.breaks
    return Scenario(
        part.folder.name, "progress", label, restart, settings, change(broken), part.url(), steps=(part.step,)
    )
