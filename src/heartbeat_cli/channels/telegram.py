"""Send a message to a Telegram chat through a bot.

Create a bot with @BotFather, add it to the chat, and take the chat's id from
`https://api.telegram.org/bot<token>/getUpdates`.

A message that is too long is shortened, its evidence first; a long report becomes several. Markup that Telegram does
not accept is sent again as plain text, a topic that is gone is left out, and a group that became a supergroup is
followed to its new id; all of that is noted with the message. What a person must solve (a wrong token, a chat that is
not found, a bot that was removed) keeps the message waiting: it is retried every few minutes, then more rarely.

With `buttons = true`, a message about a fault has buttons: acknowledge, silence for an hour, recover now. The next run
collects who pressed what. The bot must then be heartbeat's own: see docs/recipes/telegram-buttons.md.

    [channels.tg]
    kind = "telegram"
    token = "file:/etc/heartbeat/telegram.token"
    chat_id = "-1001234567890"
"""

import json
import re
import time
from typing import TYPE_CHECKING, Any

from heartbeat_cli.domain.alerting.alert import SOUNDLESS
from heartbeat_cli.domain.alerting.message import Button, Message
from heartbeat_cli.domain.component import SEVERITIES
from heartbeat_cli.domain.record import Record
from heartbeat_cli.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from heartbeat_cli.channels._telegram_api import Reply
    from heartbeat_cli.domain.alerting.presses import Collected, Press
    from heartbeat_cli.domain.alerting.telegram_text import Part

_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
_CHAT = re.compile(r"-?[0-9]+|@[A-Za-z0-9_]+")
_REMEDIES = 5  # sends of one part: as it is, to the new id, without the topic, without buttons, as plain text
_BUTTONS = ("button", "keyboard", "reply_markup")  # in refusals of what stands under a message
# Refusals of this one message; any other 400 is about the chat or the bot's rights there, which can be mended.
_THE_MESSAGE = ("can't parse", "entit", "too long", "empty", "must be encoded", "strings must")


class Settings(Record):
    """Which bot writes to which chat.

    token: the bot's token as @BotFather gave it; best as "file:PATH" or "env:NAME"
    chat_id: id of the chat, or @name of a public channel
    base_url: address of the Bot API; a local Bot API server has its own
    thread_id: id of the topic in a group that has topics; default: none
    silent: severities that arrive without a sound
    proxy: proxy to go through; default: that of [heartbeat]
    buttons: whether messages about a fault have buttons, whose presses the next run collects
    users: ids of the users whose presses count
    """

    token: str
    chat_id: str | int
    base_url: str = "https://api.telegram.org"
    thread_id: int | None = None
    silent: tuple[str, ...] = ("low",)
    proxy: str | None = None
    buttons: bool = False
    users: tuple[int, ...] = ()


def problems(settings: Settings) -> list[tuple[str, str]]:
    from heartbeat_cli.http import call as http_call

    found = []
    if not _TOKEN.fullmatch(settings.token):
        found.append(("token", "expected a bot's token, digits:letters, as @BotFather gave it"))
    if not _CHAT.fullmatch(str(settings.chat_id)):
        found.append(("chat_id", 'expected a number such as "-1001234567890", or "@name" of a public channel'))
    if http_call.host(settings.base_url) is None:
        found.append(("base_url", "expected http://host or https://host"))
    for word in settings.silent:
        if word not in SEVERITIES:
            found.append(("silent", f"no severity {word[:40]!r}; expected some of {', '.join(SEVERITIES)}"))
    return found + (_button_problems(settings) if settings.buttons else [])


def _button_problems(settings: Settings) -> list[tuple[str, str]]:
    found = []
    if not settings.users:
        found.append(("users", "buttons need the ids of those who may press them, such as users = [123456789]"))
    if not re.fullmatch(r"-?[0-9]+", str(settings.chat_id)):
        found.append(("chat_id", "buttons need the number of the chat"))
    return found


def source(settings: Settings) -> str | None:
    """Where presses are collected: the bot, by its id. None when this channel has no buttons."""
    return f"telegram/{settings.token.partition(':')[0]}" if settings.buttons else None


def collect(
    settings: Settings, after: int | None, *, timeout: float, counts: "Callable[[Press], bool]" = lambda press: True
) -> "Collected":
    """The presses that count since the number `after` (None: of all there are), which makes the bot forget those
    before. When nothing that was given counts, what follows is asked for within the time. Raises DeliveryError, and
    NotAlone when somebody else collects them."""
    from heartbeat_cli.channels import _telegram_buttons

    return _telegram_buttons.collect(settings, after, timeout, counts)


def accepts(settings: Settings, press: "Press") -> bool:
    """Whether a press comes from this channel's chat, and from a user who may press."""
    return press.chat == str(settings.chat_id) and press.user in settings.users


def mark(settings: Settings, channel: str, action: str, incident: str) -> str:
    """What the button for this action on this incident bears under a message of this channel (its id) in its chat;
    nobody who does not know the token can make one."""
    from heartbeat_cli.channels import _telegram_buttons

    return _telegram_buttons.mark(settings.token, channel, str(settings.chat_id), action, incident)


def answer(settings: Settings, press: "Press", text: str, *, timeout: float) -> None:
    """Show the one who pressed what came of it. Raises DeliveryError."""
    from heartbeat_cli.channels import _telegram_buttons

    _telegram_buttons.answer(settings, press, text, timeout)


def send(settings: Settings, message: Message, *, timeout: float) -> str | None:
    """Send the message, in several parts where it has to be, and say what had to be done differently; raises
    DeliveryError when it was not taken."""
    from heartbeat_cli.domain.alerting import markup, telegram_text

    silent = message.severity in settings.silent or message.type in SOUNDLESS
    chat = _Chat(settings, silent, time.monotonic() + timeout)
    parts = telegram_text.fit(message.html)
    if len(parts) > 1:
        chat.notes.append(f"sent in {len(parts)} parts")
    elif parts[0].plain != "".join(run.text for run in markup.parse(message.html)):
        chat.notes.append("shortened")
    chat.buttons = message.buttons if settings.buttons else ()
    for number, part in enumerate(parts):
        try:
            chat.tell(part, patient=number > 0, last=number == len(parts) - 1)
        except DeliveryError as error:
            error.unsure = error.unsure or number > 0  # some of it has arrived
            raise
    return "; ".join(chat.notes) or None


def _keyboard(settings: Settings, buttons: "Sequence[Button]") -> dict[str, Any]:
    """The buttons as the Bot API takes them, a row for each incident."""
    rows: dict[str, list[dict[str, str]]] = {}
    for one in buttons:
        button = {"text": one.label, "callback_data": mark(settings, one.channel, one.action, one.incident)}
        rows.setdefault(one.incident, []).append(button)
    return {"inline_keyboard": list(rows.values())}


class _Chat:
    """Where the parts of one message go. It learns from refusals, so the next part goes the way that worked."""

    def __init__(self, settings: Settings, silent: bool, deadline: float) -> None:
        self._settings, self._silent, self._deadline = settings, silent, deadline
        self.id: str | int = settings.chat_id
        self._thread = settings.thread_id
        self._plain = False
        self.buttons: Sequence[Button] = ()  # under the last part
        self.notes: list[str] = []

    def tell(self, part: "Part", *, patient: bool, last: bool) -> None:
        """Send one part, the last one with buttons. With `patient`, a short pause that Telegram asks for is made here:
        some of the message has arrived already, and would arrive again if the whole were put off."""
        for _ in range(_REMEDIES):
            reply = self._ask(part, self.buttons if last else ())
            if reply.ok:
                return
            if not self._remedied(reply) and not (patient and self._paused(reply)):
                break
        raise self._refused(reply)

    def _ask(self, part: "Part", buttons: "Sequence[Button]") -> "Reply":
        from heartbeat_cli.channels import _post, _telegram_api

        asked: dict[str, Any] = {"chat_id": self.id, "text": part.plain if self._plain else part.html}
        asked |= {"disable_notification": self._silent, "link_preview_options": {"is_disabled": True}}
        if not self._plain:
            asked["parse_mode"] = "HTML"
        if self._thread is not None:
            asked["message_thread_id"] = self._thread
        if buttons:  # they count in the chat where they arrive, which may have a new id
            asked["reply_markup"] = _keyboard(self._settings._replace(chat_id=self.id), buttons)
        call = _telegram_api.method(self._settings, "sendMessage", json.dumps(asked).encode())
        return _telegram_api.reply(_post.post(call, self._deadline - time.monotonic()))

    def _remedied(self, reply: "Reply") -> bool:
        """Whether there is something to do differently at once."""
        if reply.new_chat is not None and reply.new_chat != self.id:
            self.id = reply.new_chat
            self.notes.append(f'the group has become a supergroup; set chat_id = "{self.id}" in the configuration')
        elif reply.code == 400 and self._thread is not None and "thread" in reply.said:
            self.notes.append(f"topic {self._thread} is gone: sent without it")
            self._thread = None
        elif reply.code == 400 and self.buttons and any(sign in reply.said.lower() for sign in _BUTTONS):
            self.notes.append("sent without buttons: they were not accepted")
            self.buttons = ()
        elif reply.code == 400 and not self._plain and _is_about_the_message(reply):
            self._plain = True
            self.notes.append("sent as plain text: the markup was not accepted")
        else:
            return False
        return True

    def _paused(self, reply: "Reply") -> bool:
        pause = reply.retry_after
        if reply.code != 429 or pause is None or pause + 1 > self._deadline - time.monotonic():
            return False
        time.sleep(pause)
        return True

    def _refused(self, reply: "Reply") -> DeliveryError:
        from heartbeat_cli.channels import _post
        from heartbeat_cli.http import call as http_call
        from heartbeat_cli.redact import redact

        host = http_call.host(self._settings.base_url)
        text = redact(f"{host} answered {reply.code}{_post.said(reply.said)}", [self._settings.token])
        if reply.code == 429 or reply.code >= 500 or reply.ok:
            lost = reply.code != 429  # of anything else nobody knows how far it got
            return DeliveryError(text, retryable=True, retry_after=reply.retry_after, unsure=lost)
        if _is_about_the_message(reply):
            return DeliveryError(text, retryable=False)
        return DeliveryError(text + _advice(reply), retryable=True, retry_after=_post.MENDABLE, lasting=True)


def _is_about_the_message(reply: "Reply") -> bool:
    return reply.code == 413 or (reply.code == 400 and any(sign in reply.said for sign in _THE_MESSAGE))


def _advice(reply: "Reply") -> str:
    known = {401: "is the token right?", 404: "are token and base_url right?", 403: "was the bot removed or blocked?"}
    words = known.get(reply.code, "is chat_id right, and may the bot write there?")
    return f": {words}"
