"""Send the message as JSON by POST to an address of yours: an automation, a chat, a gateway.

The body has id, type, severity, title, text, component, at (ISO 8601, UTC), incident (or null) and incidents (those of
a message about several). `id` stays the same when a message is sent again, and is also in the header Idempotency-Key.

With `secret`, the header X-Heartbeat-Timed-Signature is `t=` and the time of sending (seconds since 1970), `,sha256=`
and the HMAC-SHA256, in hexadecimal, of that number, a dot and the body. A receiver compares it and refuses what is
older than some minutes; docs/recipes/channels.md has the code. X-Heartbeat-Signature, which covers the body alone, is
sent for one more version.

Any 2xx means taken. 408, 425, 429 and 5xx are retried, not before Retry-After. A redirect (not followed), 401, 403, 404
and 407 are for a person to solve and are retried more rarely. Any other answer is final.

    [channels.hook]
    kind = "webhook"
    url = "https://automation.example.org/hooks/heartbeat"
    secret = "file:/etc/heartbeat/webhook.secret"
"""

import time
from typing import TYPE_CHECKING

from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.plain import json_text
from heartbeat_cli.domain.record import Record
from heartbeat_cli.errors import DeliveryError

if TYPE_CHECKING:
    from heartbeat_cli.http.call import Answer

_AGAIN = (408, 425, 429)
_MENDABLE = (401, 403, 404, 407)
_NOTHING: dict[str, str] = {}


class Settings(Record):
    """Where to post, and how to prove who posts.

    url: address to post to, http or https; best as "file:PATH" where it is a secret by itself
    secret: key of the signature, shared with the receiver; default: none, so no signature
    headers: headers to send besides; an Authorization may be given as "env:NAME" or "file:PATH"
    verify_tls: check the certificate
    ca_file: file with the certificates to trust; default: those of this system
    proxy: proxy to go through; default: that of [heartbeat]
    """

    url: str
    secret: str | None = None
    headers: dict[str, str] = _NOTHING
    verify_tls: bool = True
    ca_file: str | None = None
    proxy: str | None = None


def problems(settings: Settings) -> list[tuple[str, str]]:
    from heartbeat_cli.http import call as http_call

    found = []
    if http_call.host(settings.url) is None:
        found.append(("url", "expected http://host/path or https://host/path"))
    for name, value in settings.headers.items():
        if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
            found.append(("headers", f"{name[:40]!r} is no header's name"))
        elif any(sign in value for sign in "\r\n") or not value.isascii():
            found.append(("headers", f"the value of {name[:40]} holds a line break or a character beyond ASCII"))
    return found


def send(settings: Settings, message: Message, *, timeout: float) -> str | None:
    """Post it; raises DeliveryError when it was not taken."""
    from heartbeat_cli.channels import _post
    from heartbeat_cli.http import call as http_call

    data = body(message)
    headers = _headers(settings, message, data)
    verify = settings.verify_tls and (settings.ca_file or True)
    call = http_call.Call(settings.url, "POST", headers, data, verify, only_refusals=True, proxy=settings.proxy)
    answer = _post.post(call, timeout)
    if not 200 <= answer.status < 300:
        raise _refused(f"{http_call.host(settings.url)} answered {answer.status}{_post.said(answer.body)}", answer)
    return None


def body(message: Message) -> bytes:
    """The same bytes each time a message is sent."""
    from datetime import UTC, datetime

    fields = message._asdict()
    del fields["html"], fields["label"], fields["page"], fields["buttons"]
    fields["incident"], fields["incidents"] = fields.pop("thread"), fields.pop("threads")
    fields["at"] = datetime.fromtimestamp(message.at, UTC).isoformat(timespec="milliseconds")
    return json_text(fields).encode(errors="replace")


def _headers(settings: Settings, message: Message, data: bytes) -> dict[str, str]:
    from urllib.parse import quote

    from heartbeat_cli import __version__

    own = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"heartbeat/{__version__}",
        "Idempotency-Key": quote(message.id, safe="/:", errors="replace"),
    }
    if settings.secret is not None:
        import hmac

        key, moment = settings.secret.encode(), str(int(time.time()))
        timed = hmac.digest(key, moment.encode() + b"." + data, "sha256").hex()
        own["X-Heartbeat-Timed-Signature"] = f"t={moment},sha256={timed}"
        own["X-Heartbeat-Signature"] = "sha256=" + hmac.digest(key, data, "sha256").hex()
    return {**own, **settings.headers}


def _refused(text: str, answer: "Answer") -> DeliveryError:
    from heartbeat_cli.channels import _post

    if answer.status in _AGAIN or answer.status >= 500:  # of a 5xx nobody knows how far it got
        pause = _post.retry_after(answer.headers)
        return DeliveryError(text, retryable=True, retry_after=pause, unsure=answer.status >= 500)
    if 300 <= answer.status < 400:
        text += "; redirects are not followed"
    if 300 <= answer.status < 400 or answer.status in _MENDABLE:
        return DeliveryError(text, retryable=True, retry_after=_post.MENDABLE, lasting=True)
    return DeliveryError(text, retryable=False)
