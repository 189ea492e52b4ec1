"""APIs of language models that are compatible with OpenAI's: the list of models, errors, and streamed completions.

https://platform.openai.com/docs/api-reference/models/list
https://platform.openai.com/docs/api-reference/chat/create
https://platform.openai.com/docs/guides/error-codes
"""

from collections.abc import Iterable, Mapping
from typing import Any

from heartbeat_cli.domain import foreign_json
from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.result import Status
from heartbeat_cli.domain.kinds.sse import Events
from heartbeat_cli.domain.plain import one_line, whole
from heartbeat_cli.domain.record import Record

_MOST_VALUES = 1_000_000  # in an answer
_LONGEST_WAIT = 86_400.0  # seconds of a Retry-After that is believed
_TOKEN_KEYS = ("content", "reasoning_content", "reasoning", "refusal")

# Words in the code or type of an error, and the HTTP status that they mean. The first that fits counts.
_WORDS: tuple[tuple[tuple[str, ...], int], ...] = (
    (("quota", "billing", "credit", "budget"), 402),
    (("authentication", "invalid_api_key", "permission", "no_db_connection"), 401),  # the last: LiteLLM, of a wrong key
    (("rate_limit", "throttl", "too_many"), 429),
    (("not_found",), 404),
    (("overloaded", "server_error", "timeout", "unavailable"), 500),
)


class ApiError(Record):
    """An error as the API words it: its code and type, in lower case, and its message."""

    words: str
    message: str


class Failed(Record):
    """What an error makes of the component."""

    status: Status
    category: Category


def parse(body: bytes) -> Any:
    """A JSON answer; None for anything else."""
    if foreign_json.values(body) > _MOST_VALUES:
        return None
    try:
        return foreign_json.parse(body)
    except foreign_json.NotJson:
        return None


def models(answer: Any) -> tuple[str, ...] | None:
    """The ids in a list of models; None where the answer is no such list."""
    listed = answer.get("data") if isinstance(answer, Mapping) else None
    if listed is None and isinstance(answer, Mapping) and answer.get("object") == "list":
        listed = []  # Ollama without a model answers `"data": null`
    if not isinstance(listed, list):
        return None
    ids = (one.get("id") for one in listed if isinstance(one, Mapping))
    return tuple(one for one in ids if isinstance(one, str))


def holds(ids: Iterable[str], model: str) -> bool:
    """Whether a model is among the ids; Ollama lists `name:latest` and takes `name`."""
    return any(one in (model, f"{model}:latest") for one in ids)


def error_of(answer: Any) -> ApiError | None:
    """The error that an answer holds, None where it holds none."""
    if not isinstance(answer, Mapping):
        return None
    found = answer.get("error", answer.get("detail"))
    if isinstance(found, str):
        return ApiError("", one_line(found, 200))
    if found is None and answer.get("object") == "error":  # older vLLM
        found = answer
    if not isinstance(found, Mapping):
        return None
    words = " ".join(str(found.get(key) or "")[:100] for key in ("code", "type", "status"))
    return ApiError(words.lower(), one_line(str(found.get("message") or ""), 200))


def classify(status: int, error: ApiError | None, local: bool) -> Failed:
    """What kind of failure an answer shows that is an error. `local`: the server itself makes the completions, on this
    host. `status` below 400: the error came in a stream that had begun well."""
    words = error.words if error else ""
    meant = next((code for signs, code in _WORDS if any(sign in words for sign in signs)), None)
    numbers = (whole(word, 599) for word in words.split())
    code = meant or (status if status >= 400 else next((one for one in numbers if one and one >= 400), 500))
    if meant == 404 and status >= 500:
        code = status
    if code in (401, 403):
        return Failed("unhealthy", "credentials")
    if code == 402:
        return Failed("unhealthy", "quota")
    if code == 429:
        return Failed("degraded", "provider")
    if code == 408 or code >= 500:
        return Failed("unhealthy", "process" if local else "provider")
    return Failed("unhealthy", "configuration")


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks to wait, at most a day: it has seconds, or a date. None without one.
    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"""
    if not value:
        return None
    seconds: float | None = whole(value.strip())
    if seconds is None:
        from email.utils import parsedate_to_datetime

        try:
            seconds = parsedate_to_datetime(value[:100]).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(_LONGEST_WAIT, max(0.0, seconds))


def completion(model: str, limit_key: str) -> dict[str, Any]:
    """The body of the smallest completion there is, streamed."""
    messages = [{"role": "user", "content": "ping"}]
    return {"model": model, "messages": messages, limit_key: 1, "stream": True}


class Completion:
    """A completion as it is streamed. `begun`: its first token has come; `finished`: why it ended, as the API says, or
    `done`; `error` where the stream says so."""

    def __init__(self) -> None:
        self._events = Events()
        self.begun, self.seen = False, False
        self.finished: str | None = None
        self.error: ApiError | None = None

    def feed(self, piece: bytes) -> bool:
        """Take a piece of the stream. Returns whether all has come that is of interest."""
        for data in self._events.feed(piece):
            if data.strip() == b"[DONE]":
                self.finished = self.finished or "done"
            else:
                self.take(parse(data))
        return self.finished is not None or self.error is not None

    def take(self, chunk: Any) -> None:
        """Take one chunk of the stream, or a whole answer of a server that does not stream."""
        self.error = self.error or error_of(chunk)
        choices = chunk.get("choices") if isinstance(chunk, Mapping) else None
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, Mapping):
                self.seen = True
                said = choice.get("delta") or choice.get("message")
                self.begun = self.begun or _has_token(said, choice)
                reason = choice.get("finish_reason")
                self.finished = reason if isinstance(reason, str) and reason else self.finished

    @property
    def empty(self) -> bool:
        """Whether it ended without a token. One that reached its limit had one, even if it shows as no text."""
        return not self.begun and self.finished != "length"


def _has_token(said: Any, choice: Mapping[str, Any]) -> bool:
    if isinstance(said, Mapping) and (said.get("tool_calls") or any(said.get(key) for key in _TOKEN_KEYS)):
        return True
    return bool(choice.get("text"))
