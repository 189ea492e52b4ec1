"""A call of the Bot API, and what it says to it. Used by `telegram` to send, and by its buttons."""

from typing import Any

from heartbeat_cli.channels import _post
from heartbeat_cli.domain import foreign_json
from heartbeat_cli.domain.record import Record
from heartbeat_cli.http.call import Answer, Call


class Reply(Record):
    """What the Bot API said to one call; `code` is its own where it gave one, else the HTTP status."""

    ok: bool
    code: int
    said: str
    retry_after: float | None = None
    new_chat: int | None = None


def method(settings: Any, name: str, asked: bytes) -> Call:
    """A call of a method of the Bot API with a JSON document; `settings` are those of the channel."""
    url = f"{settings.base_url.rstrip('/')}/bot{settings.token}/{name}"
    headers = {"Content-Type": "application/json"}
    return Call(url, "POST", headers, asked, proxy=settings.proxy)


def reply(answer: Answer) -> Reply:
    """What an answer to such a call says."""
    try:
        body = foreign_json.parse(answer.body)
    except foreign_json.NotJson:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("ok"), bool):
        # Nobody knows what answers there: a proxy, a portal, half an answer. So it may have to be sent again.
        code = answer.status if answer.status >= 400 else 502
        return Reply(False, code, "not an answer of the Bot API", _post.retry_after(answer.headers))
    if body["ok"]:
        return Reply(True, answer.status, "")
    refused: Any = body.get("error_code")
    more = body.get("parameters")
    more = more if isinstance(more, dict) else {}
    new = more.get("migrate_to_chat_id")
    return Reply(
        False,
        refused if isinstance(refused, int) and 400 <= refused < 600 else max(answer.status, 400),
        str(body.get("description") or ""),
        _post.wait(more.get("retry_after")) or _post.retry_after(answer.headers),
        new if isinstance(new, int) and not isinstance(new, bool) else None,
    )
