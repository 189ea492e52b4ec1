"""The buttons of the channel `telegram`: what they bear, who pressed which, and the answer to that.

`getUpdates` is asked without waiting (no long polling), because a run is there for a moment only. What it has given is
gone from the bot when it is next asked for what comes after. It is asked with the libcurl of the checks: each run asks,
and `requests` would cost each of them 100 ms. Only a proxy needs that.
"""

import json
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeGuard

from heartbeat_cli.domain import foreign_json
from heartbeat_cli.domain.alerting.presses import Collected, NotAlone, Press
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.http import proxies
from heartbeat_cli.redact import redact

if TYPE_CHECKING:
    from heartbeat_cli.domain.checking.exchange import Response

# Presses at a time, each with the whole message that bears its button. What follows presses of people who may not press
# is asked for in larger answers: so they keep nobody waiting.
_MOST, _MOST_FOLLOWING = 20, 100  # the second is what the Bot API gives at most
_ANSWERS = 20  # of one call
_BYTES, _VALUES = 2_097_152, 100_000  # of one answer, and JSON values in it
_HIGHEST = 2**62  # number of an update, and id of a user: what is higher is not of Telegram
_WORDS = 2_000  # characters of a refusal that are looked at
_TEXT = 190  # characters of an answer; Telegram takes 200
_NAME = re.compile(r"[A-Za-z0-9_]{1,32}")
_MARK = re.compile(r"[A-Za-z0-9_-]{22}")


def mark(token: str, *about: str) -> str:
    """22 characters: a signature of what the button is about, by the bot's token."""
    import hmac
    from base64 import urlsafe_b64encode

    signed = hmac.digest(token.encode(), json.dumps(["button", *about]).encode(), "sha256")
    return urlsafe_b64encode(signed[:16]).decode().rstrip("=")


def collect(settings: Any, after: int | None, timeout: float, counts: Callable[[Press], bool]) -> Collected:
    """As `telegram.collect`. Asking for what follows makes the bot forget what was given, so that is done only when
    none of it counts."""
    until = time.monotonic() + timeout
    found = _answer(settings, after, _MOST, timeout, counts)
    for _ in range(_ANSWERS - 1):
        left = until - time.monotonic()
        if found.presses or not found.more or left <= 0:
            break
        try:
            found = _answer(settings, found.next, _MOST_FOLLOWING, left, counts)
        except (NotAlone, DeliveryError):
            return found._replace(more=False)  # how far it came is worth saving
    return found


def _answer(settings: Any, after: int | None, most: int, timeout: float, counts: Callable[[Press], bool]) -> Collected:
    asked: dict[str, Any] = {"timeout": 0, "limit": most, "allowed_updates": ["callback_query"]}
    if after is not None:
        asked["offset"] = after
    body = _asked(settings, "getUpdates", asked, timeout)
    updates = body.get("result")
    if not isinstance(updates, list):
        raise DeliveryError("not an answer of the Bot API", retryable=True)
    numbered = [(number, one) for one in updates[:most] if (number := _number(one)) is not None]
    presses = [press for number, one in numbered if (press := _press(number, one)) is not None and counts(press)]
    following = max((number + 1 for number, _ in numbered), default=None)
    moved = following is not None and (after is None or following > after)
    return Collected(tuple(presses), following if moved else after, moved and len(updates) >= most)


def answer(settings: Any, press: Press, text: str, timeout: float) -> None:
    """As `telegram.answer`."""
    _asked(settings, "answerCallbackQuery", {"callback_query_id": press.query, "text": text[:_TEXT]}, timeout)


def _number(update: Any) -> int | None:
    number = update.get("update_id") if isinstance(update, dict) else None
    return number if _is_id(number) and number >= 0 else None


def _press(number: int, update: dict[str, Any]) -> Press | None:
    """An update as a press; None for anything that is none."""
    query = _table(update.get("callback_query"))
    who, chat = _table(query.get("from")), _table(_table(query.get("message")).get("chat"))
    user, where, data, id_ = who.get("id"), chat.get("id"), query.get("data"), query.get("id")
    if not (_is_id(user) and _is_id(where) and isinstance(data, str) and isinstance(id_, str)):
        return None
    if not _MARK.fullmatch(data) or not 0 < len(id_) <= 100:
        return None
    name = who.get("username")
    by = f"@{name} (Telegram {user})" if isinstance(name, str) and _NAME.fullmatch(name) else f"Telegram {user}"
    return Press(number, str(where), user, by, data, id_)


def _table(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _is_id(found: Any) -> TypeGuard[int]:
    return isinstance(found, int) and not isinstance(found, bool) and -_HIGHEST < found < _HIGHEST


def _asked(settings: Any, name: str, asked: dict[str, Any], timeout: float) -> dict[str, Any]:
    """What the Bot API says to a call. Raises DeliveryError, and NotAlone for a conflict."""
    from heartbeat_cli.http.call import host

    data = json.dumps(asked).encode()
    proxy = proxies.for_host(settings.proxy, host(settings.base_url))
    text = _plainly(settings, name, data, timeout) if proxy is None else _by_proxy(settings, name, data, timeout)
    try:
        body = foreign_json.parse(text) if foreign_json.values(text) <= _VALUES else None
    except foreign_json.NotJson:
        body = None
    if isinstance(body, dict) and body.get("ok") is True:
        return body
    words = str(_table(body).get("description") or "not an answer of the Bot API")
    said = one_line(redact(words[:_WORDS], [settings.token]), 200)
    if _table(body).get("error_code") == 409:
        raise NotAlone(said)
    raise DeliveryError(said, retryable=True)


def _plainly(settings: Any, name: str, data: bytes, timeout: float) -> bytes:
    from heartbeat_cli.domain.checking.exchange import Request
    from heartbeat_cli.http import multi

    found: list[Response] = []
    url = f"{settings.base_url.rstrip('/')}/bot{settings.token}/{name}"
    headers = (("Content-Type", "application/json"),)
    request = Request(url, "POST", headers, data, redirects=0, max_body=_BYTES)
    exchange = multi.Exchange(name, request, timeout)
    multi.drive([exchange], deadline=time.monotonic() + timeout, done=lambda _, response: found.append(response))
    fault = found[0].fault if found else None
    if not found or fault is not None or found[0].truncated:
        raise DeliveryError(fault.kind if fault else "its answer is too long", retryable=True)
    return found[0].body


def _by_proxy(settings: Any, name: str, data: bytes, timeout: float) -> bytes:
    from heartbeat_cli.channels import _post, _telegram_api

    call = _telegram_api.method(settings, name, data)._replace(keep=_BYTES)
    return _post.post(call, timeout).body.encode()
