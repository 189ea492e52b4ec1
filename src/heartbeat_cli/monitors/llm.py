"""A language model's server or provider: it lists the model and, if asked to, completes a token.

healthy    `/models` lists the model, and the last canary got a token in time
degraded   it limits the rate (429), a completion was empty or its first token late, or the certificate ends soon
unhealthy  it answered otherwise (a refused key, a spent quota, a missing model, an error), or the canary had no answer
error      `/models` was refused, or had no answer in time
unknown    heartbeat could not check (its CA file or its note is unusable, the list larger than 2 MiB), or the last
           canary failed and no new one was sent

`/models` proves only that the front door is open. With `canary = true` a completion of one token is streamed every
`canary_every` seconds. It is never repeated, and counted before it is sent, so that a pass that is killed spends none
twice. Each host that checks the component sends its own. A good or degraded verdict stands for twice `canary_every`;
after that, or once `budget_per_day` is spent, only `/models` is checked, which the evidence says. A failure counts at
the check that sent the canary; the checks after it are unknown until the next canary, which follows sooner: after 30 s
where the process of this host fails, else after 120 s or three checks, until three quarters of the budget are spent.

401 and 403 are of category credentials; 402, and quota or billing in an error's code or type, quota; other 429, 408 and
5xx provider, of a server of this host 408 and 5xx process; a missing model or a wrong path configuration.

    [components.model]
    kind = "llm"
    url = "http://localhost:11434/v1"
    model = "llama3.2"
"""

import time
from collections.abc import Mapping
from typing import Any, Literal

from heartbeat_cli.domain.checking.exchange import Request, Response
from heartbeat_cli.domain.checking.isolation import is_remote
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.kinds import model_api
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import Seconds
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _llm_answers
from heartbeat_cli.monitors._http import certificate_warning, header_problems, url_problems
from heartbeat_cli.monitors._http import evidence as exchange_evidence
from heartbeat_cli.monitors._http import metrics as exchange_metrics

JUDGES_SELDOM = True  # while it is in fault, checks between two canaries are unknown, and nobody is notified of them
KEEPS_NOTES = True  # the canary's time and count must outlive a pass that is killed
_MOST_BODY = 2_097_152
_OURS = {"content-type"}

LADDER: tuple[Mapping[str, Any], ...] = (
    {"action": "systemd", "unit": "{unit}", "user": "{user}"},
    {"action": "script", "name": "restart_{id}.sh"},
)


class Settings(Record):
    """
    url: base address of the API, which ends in /v1 with most servers, e.g. http://localhost:11434/v1
    api_key: key that is sent as Authorization: Bearer (default: none); better "env:NAME" or "file:PATH"
    headers: extra request headers as a table
    model: id of the model that must be listed (default: any)
    canary: true: also have a token completed, every canary_every seconds; it costs what the provider charges for it
    canary_every: seconds between two canaries (default 900)
    budget_per_day: how many canaries are sent on one day (UTC) at most (default 100)
    first_token_warn: seconds after which a canary's first token is late (default 5); timeout must be longer
    limit_key: what the API calls the limit of one token: max_tokens (default) or max_completion_tokens, which newer
        models of OpenAI want
    gateway: true: the server of this host passes requests on to others (LiteLLM), so that its 5xx are the providers',
        and no reason to restart it
    verify_tls: check the server's certificate and name (default true)
    ca_file: PEM file of the authorities to trust instead of the system's (default: the system's)
    cert_file: PEM file of a client certificate to present (default: none)
    key_file: PEM file of the client certificate's key (default: in cert_file)
    certificate_warn_days: degraded when the certificate ends in fewer days (default 14; 0: when it has ended)
    unit: systemd unit that its recovery restarts first (default: none)
    user: true: that is a unit of the user heartbeat runs as (systemctl --user)
    """

    url: str
    api_key: str | None = None
    headers: dict[str, str] = {}  # noqa: RUF012 - a named tuple's default; never changed
    model: str | None = None
    canary: bool = False
    canary_every: Seconds = 900.0
    budget_per_day: int = 100
    first_token_warn: Seconds = 5.0
    limit_key: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    gateway: bool = False
    verify_tls: bool = True
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    certificate_warn_days: int = 14
    unit: str | None = None
    user: bool = False


def ladder(settings: Settings) -> tuple[Mapping[str, Any], ...]:
    """The recovery steps that a component without a ladder of its own gets; none for a server elsewhere."""
    if settings.unit is not None:
        return LADDER
    return () if url_problems(settings.url) or is_remote(host_of(settings)) else LADDER[1:]


def host_of(settings: Settings) -> str | None:
    """The host that a check must reach."""
    from urllib.parse import urlsplit

    return urlsplit(settings.url).hostname


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with the settings, as (key, text)."""
    found = _address_problems(settings)
    if settings.canary and not settings.model:
        found.append(("model", "is needed with canary = true"))
    if settings.canary_every < 1:
        found.append(("canary_every", "must be at least 1 second"))
    if settings.first_token_warn <= 0:
        found.append(("first_token_warn", "must be more than 0 seconds"))
    for key in ("budget_per_day", "certificate_warn_days"):
        if getattr(settings, key) < 0:
            found.append((key, "must not be negative"))
    if settings.user and settings.unit is None:
        found.append(("user", "works only with unit"))
    return found


def unreachable_problems(settings: Settings, timeout: float) -> list[tuple[str, str, str]]:
    """Limits that a check of so many seconds never reaches, as (key, text, advice)."""
    if not settings.canary or settings.first_token_warn < timeout:
        return []
    text = Text(
        "{seconds:g} s is never reached: a check ends at its timeout of {timeout:g} s",
        seconds=settings.first_token_warn,
        timeout=timeout,
    )
    return [("first_token_warn", text, Text("choose less than the timeout, or a longer timeout"))]


def _address_problems(settings: Settings) -> list[tuple[str, str]]:
    found = [("url", text) for text in url_problems(settings.url)]
    if "?" in settings.url or "#" in settings.url:
        found.append(("url", "must be a base address, without ? and #"))
    if settings.url.rstrip("/").endswith(("/models", "/chat/completions")):
        found.append(("url", "must be the base address, as http://localhost:11434/v1"))
    if settings.api_key is not None and not (settings.api_key.isascii() and settings.api_key.isprintable()):
        found.append(("api_key", "must be printable ASCII on one line"))
    found += [("headers", text) for text in header_problems(settings.headers, _OURS)]
    if settings.api_key is not None and "authorization" in {name.lower() for name in settings.headers}:
        found.append(("headers", "'Authorization' is set by api_key"))
    return found


def prepare() -> None:
    """Import what speaks HTTP while there is one thread."""
    import heartbeat_cli.http.multi  # noqa: F401


def probe(settings: Settings, context: CheckContext) -> Reading:
    """Check once. Raises Unobservable when the trouble is heartbeat's own."""
    ends = time.monotonic() + context.timeout
    request = base(settings, "/models")._replace(max_body=_MOST_BODY)
    response = _llm_answers.exchange(request, context.timeout)
    reading = _judged(settings, response, context)
    if settings.canary:
        from heartbeat_cli.monitors import _llm_canary

        if reading.status == "healthy":
            request = base(settings, "/chat/completions")
            reading = _llm_canary.with_canary(settings, context, reading, request, ends)
        else:
            reading = _llm_canary.limited(context, reading, response)
    warning = certificate_warning(response, context, settings.certificate_warn_days)
    if warning is not None and reading.status in ("healthy", "degraded"):
        line = joined([line for line in (reading.error, warning) if line])
        reading = reading._replace(status="degraded", error=line, category=reading.category or "certificate")
    return reading


def base(settings: Settings, path: str) -> Request:
    """A request to the API at this path below its base address."""
    headers = (("Accept", "application/json"), *settings.headers.items())
    if settings.api_key is not None:
        headers += (("Authorization", f"Bearer {settings.api_key}"),)
    return Request(
        url=settings.url.rstrip("/") + path,
        headers=headers,
        verify_tls=settings.verify_tls,
        ca_file=settings.ca_file,
        cert_file=settings.cert_file,
        key_file=settings.key_file,
        redirects=0,
    )


def _judged(settings: Settings, response: Response, context: CheckContext) -> Reading:
    """What the list of models shows. Raises Unobservable."""
    found = _llm_answers.failure(settings, response, "/models")
    figures, evidence = exchange_metrics(response, context), exchange_evidence(response)
    if found is not None:
        took = None if found.status == "error" else response.elapsed
        return Reading(
            found.status, took, found.error, figures, evidence, certain=found.certain, category=found.category
        )
    if response.truncated:
        raise Unobservable(Text("{path}: the answer is larger than {n} bytes", path="/models", n=_MOST_BODY))
    ids = model_api.models(model_api.parse(response.body))
    reading = Reading("unhealthy", response.elapsed, None, figures, evidence, category="configuration")
    if ids is None:
        return reading._replace(error=Text("{path}: the answer is no list of models", path="/models"))
    if not ids:
        return reading._replace(error=Text("no model is listed"))
    if settings.model is not None and not model_api.holds(ids, settings.model):
        shown = one_line(", ".join(ids), 120)
        line = Text("model {model} is not listed; listed are: {names}", model=one_line(settings.model, 80), names=shown)
        return reading._replace(error=line)
    evidence.pop(Text("body"), None)  # a list of hundreds of models explains nothing
    return Reading("healthy", response.elapsed, None, figures, evidence)
