"""A small real Bot API server. It judges calls as Telegram does (token, chat, topic, markup, length), unless a script
says what happens to the next ones, or a mood what happens to all of them. And a webhook's receiver with such moods."""

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from tests.parts.http import Server, _QuietThreads, _serving

TOKEN = "123456:AAH-secret_part"
CHAT = "-100200300"
USER = 4711
_Server = TypeVar("_Server", bound="BotApi")
_TAG = re.compile(r"</?(\w+)[^<>]*>")


class Step(NamedTuple):
    """What happens to one call: an answer, or `hang`, `drip`, `reset`, `drop` instead of one; `accept`: it is taken."""

    status: int = 200
    body: bytes = b'{"ok": true, "result": {}}'
    instead: str = ""
    accept: bool = False
    headers: tuple[tuple[str, str], ...] = ()


def refusal(code: int, description: str, **parameters: int) -> Step:
    body = {"ok": False, "error_code": code, "description": description}
    return Step(code, json.dumps(body | ({"parameters": parameters} if parameters else {})).encode())


class BotApi(Server):
    """`script` is used up call by call, then the server judges by itself; `calls` are all, `messages` the accepted.
    What it would accept gets what `mood` says instead, if it says anything; `taken` is told of each accepted one before
    its answer goes out. A call that hangs is let go, without a word, when `held` is emptied by `let_go`."""

    def __init__(self) -> None:
        super().__init__("")
        self.mood: Callable[[dict[str, Any]], Step | None] = lambda call: None
        self.taken: Callable[[dict[str, Any], Step], None] = lambda call, step: None
        self.held: list[threading.Event] = []
        self.script: list[Step] = []
        self.calls: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.chats = {CHAT}
        self.updates: list[Any] = []  # that were not collected yet
        self.others: list[tuple[str, dict[str, Any]]] = []  # calls of other methods
        self.other_mood: Callable[[str], Step | None] = lambda method: None
        self.asked = threading.Event()  # set when updates were given
        self._update = 700_000_000
        self.topics: set[int] = set()

    def decide(self, path: str, call: dict[str, Any]) -> Step:
        if self.script:
            return self.script.pop(0)
        judged = self.judge(path, call)
        return (self.mood(call) or judged) if judged.accept else judged

    def press(self, data: str, /, user: int = USER, chat: str = CHAT, **query: Any) -> int:
        """Have somebody press a button; returns the number of the update."""
        self._update += 1
        message = {"message_id": 5, "chat": {"id": int(chat), "type": "supergroup"}, "date": 1, "text": "🔴 …"}
        who = {"id": user, "is_bot": False, "first_name": "Kim", "username": "kim_ops"}
        pressed = {"id": f"q{self._update}", "from": who, "message": message, "chat_instance": "1", "data": data}
        self.updates.append({"update_id": self._update, "callback_query": pressed | query})
        return self._update

    @property
    def buttons(self) -> dict[str, str]:
        """What the buttons under the last message with some bear, by what they say."""
        rows = [one["reply_markup"]["inline_keyboard"] for one in self.messages if "reply_markup" in one][-1]
        return {button["text"]: button["callback_data"] for row in rows for button in row}

    def other(self, path: str, call: dict[str, Any]) -> Step:
        """As Telegram: updates before `offset` are forgotten, the others given, `limit` at most."""
        token, method = urlsplit(path).path.removeprefix("/bot").split("/")  # a proxy is asked for the whole address
        if token != TOKEN:
            return refusal(401, "Unauthorized")
        self.others.append((method, call))
        if (step := self.other_mood(method)) is not None:
            return step
        if method == "answerCallbackQuery":
            return Step(body=b'{"ok": true, "result": true}')
        if method != "getUpdates":
            return refusal(404, "Not Found")
        if "offset" in call:
            self.updates = [one for one in self.updates if one["update_id"] >= call["offset"]]
        self.asked.set()
        return Step(body=json.dumps({"ok": True, "result": self.updates[: call.get("limit", 100)]}).encode())

    def hold(self) -> None:
        """Until `let_go`."""
        event = threading.Event()
        self.held.append(event)
        while not (event.wait(0.5) or self.stopping.is_set()):
            pass

    def let_go(self) -> None:
        held, self.held = self.held, []
        for event in held:
            event.set()

    def judge(self, path: str, call: dict[str, Any]) -> Step:
        if path != f"/bot{TOKEN}/sendMessage":
            return refusal(401, "Unauthorized") if path.endswith("/sendMessage") else refusal(404, "Not Found")
        if str(call["chat_id"]) not in self.chats:
            return refusal(400, "Bad Request: chat not found")
        if call.get("message_thread_id") not in {None, *self.topics}:
            return refusal(400, "Bad Request: message thread not found")
        text = call["text"]
        if call.get("parse_mode") == "HTML":
            if fault := _markup_fault(text):
                return refusal(400, f"Bad Request: can't parse entities: {fault}")
            text = unescape(_TAG.sub("", text))
        if not text.strip():
            return refusal(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) > 2 * 4096:
            return refusal(400, "Bad Request: message is too long")
        return Step(accept=True)


class Receiver(BotApi):
    """A webhook's receiver: takes whatever comes, unless it is in a mood."""

    def judge(self, path: str, call: dict[str, Any]) -> Step:
        return Step(body=b"", accept=True)


def _markup_fault(text: str) -> str:
    stack: list[str] = []
    for token in _TAG.finditer(text):
        name = token[1]
        if name not in ("b", "i", "code", "pre", "a"):
            return f'Unsupported start tag "{name}"'
        if not token[0].startswith("</"):
            stack.append(name)
        elif not stack or stack.pop() != name:
            return f'Unmatched end tag "{name}"'
    rest = _TAG.sub("", text)
    return "Can't find end tag" if stack else "Unexpected sign" if re.search(r"[<>]|&(?!\w+;|#\d+;)", rest) else ""


def _handler(server: BotApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.endswith("/sendMessage") or isinstance(server, Receiver):
                server.calls.append(call)
                step = server.decide(self.path, call)
            else:
                step = server.other(self.path, call)
            if step.accept:
                server.messages.append(call)
                server.taken(call, step)
            if step.instead:
                self._behave(step.instead)
                return
            self.send_response(step.status)
            self.send_header("Content-Type", "application/json")
            for name, value in step.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(step.body)))
            self.end_headers()
            self.wfile.write(step.body)

        def _behave(self, how: str) -> None:
            self.close_connection = True
            if how == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            elif how == "drop":
                self.connection.shutdown(socket.SHUT_RDWR)
            elif how == "drip":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not server.stopping.wait(0.1):
                    self.wfile.write(b" ")
            else:
                server.hold()

        def log_message(self, *args: object) -> None: ...

    return Handler


@contextmanager
def bot_api() -> Iterator[BotApi]:
    with _running(BotApi()) as server:
        yield server


@contextmanager
def receiver() -> Iterator[Receiver]:
    with _running(Receiver()) as server:
        yield server


@contextmanager
def _running(server: _Server) -> Iterator[_Server]:
    listener = _QuietThreads(("127.0.0.1", 0), _handler(server))
    server.url = f"http://127.0.0.1:{listener.server_address[1]}"
    with _serving(listener, server):
        yield server
