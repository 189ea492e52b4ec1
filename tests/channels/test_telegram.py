"""The Telegram channel against a small Bot API server that misbehaves on script."""

import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.channels import telegram
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.alerting.message import Button, Message
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.views import messages
from heartbeat_cli.views.wording import recommendations
from tests.parts.bot_api import CHAT, TOKEN, BotApi, Step, bot_api, refusal
from tests.parts.verb import heartbeat

HTML = "<b>主 is down</b>\n\n原因: 1 &lt; 2 &amp; 🔥"
MESSAGE = Message("i-1/agent_down", "agent_down", "high", "主 is down", "text", HTML, "main", 1.5, "i-1")
BAD_MARKUP = refusal(400, "Bad Request: can't parse entities: Unsupported start tag")


@pytest.fixture
def api() -> Iterator[BotApi]:
    with bot_api() as server:
        yield server


def settings(api: BotApi, **more: Any) -> telegram.Settings:
    return telegram.Settings(**({"token": TOKEN, "chat_id": CHAT, "base_url": api.url} | more))


def send(api: BotApi, message: Message = MESSAGE, timeout: float = 5, **more: Any) -> str | None:
    return telegram.send(settings(api, **more), message, timeout=timeout)


def refused(api: BotApi, *script: Step, timeout: float = 5, **more: Any) -> tuple[str, bool, float | None]:
    api.script = list(script)
    begun = time.monotonic()
    with pytest.raises(DeliveryError) as raised:
        send(api, timeout=timeout, **more)
    assert time.monotonic() - begun < timeout + 2
    assert "secret_part" not in str(raised.value)
    return str(raised.value), raised.value.retryable, raised.value.retry_after


def test_a_message(api: BotApi) -> None:
    send(api)
    assert api.calls == [
        {
            "chat_id": CHAT,
            "text": HTML,
            "parse_mode": "HTML",
            "disable_notification": False,
            "link_preview_options": {"is_disabled": True},
        }
    ]
    assert len(api.messages) == 1


def test_low_severity_is_silent_and_which_is_a_setting(api: BotApi) -> None:
    low = MESSAGE._replace(severity="low")
    send(api, low)
    send(api, low, silent=())
    send(api, silent=("medium", "high"))
    assert [one["disable_notification"] for one in api.messages] == [True, False, True]


def test_a_topic(api: BotApi) -> None:
    api.topics = {7}
    send(api, thread_id=7)
    assert api.messages[0]["message_thread_id"] == 7


def test_a_topic_that_is_gone_is_left_out(api: BotApi) -> None:
    send(api, thread_id=8)
    assert len(api.calls) == 2 and "message_thread_id" not in api.messages[0]


def test_a_number_as_chat_and_a_slash_after_the_address(api: BotApi) -> None:
    send(api, chat_id=int(CHAT), base_url=api.url + "/")
    assert len(api.messages) == 1


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<b>never closed",
        "a &amp; b & c < d",
        "x" * 1_000_000,
        "<b>" + "主🔥" * 400_000 + "</b>",
        "&lt;" * 5_000,
        "\x00\x1b[31m\u202e safe \ud83d",
    ],
)
def test_whatever_stands_in_it_is_taken_the_first_time(api: BotApi, html: str) -> None:
    send(api, MESSAGE._replace(html=html))
    assert len(api.calls) == len(api.messages) == 1


@pytest.mark.parametrize("locale", ["en", "zh-HK"])
def test_a_real_alert_keeps_its_facts_however_much_evidence_there_is(api: BotApi, locale: str) -> None:
    details = {
        "kind": "agent",
        "started": 1.0,
        "cause": "<b>refused</b> & \x1b gone",
        "evidence": {f"piece {n}": "<script>🔥主" * 900 for n in range(9)},
        "attempts": [("systemd", "failed", f"{n}" + "x" * 300) for n in range(4)],
    }
    alert = Alert("i/agent_down", "agent_down", "high", "主 is down", "main", 9.0, "i", "3 failures", details)
    assert send(api, messages.message(alert, locale, "Asia/Hong_Kong", ["s3cret"])) in (None, "shortened")
    (message,) = api.messages
    assert len(api.calls) == 1 and message["parse_mode"] == "HTML"
    for fact in (
        "主 is down</b>",
        "&lt;b&gt;refused&lt;/b&gt; &amp; gone",
        "1970-01-01 08:00",
        "4. systemd",
        "piece 8",
    ):
        assert fact in message["text"]
    assert recommendations("agent", "main", "main", locale)[-1] in unescape(message["text"])


def test_a_long_report_becomes_several_in_order(api: BotApi) -> None:
    assert send(api, MESSAGE._replace(html="\n".join(f"{n} 主" for n in range(1_500)))) == "sent in 3 parts"
    assert [one["text"][:6] for one in api.messages] == ["(1/3) ", "(2/3) ", "(3/3) "]


@pytest.mark.whole
def test_a_short_pause_between_the_parts_is_waited_for(api: BotApi) -> None:
    """Else the first part would arrive again with the next try."""
    begun = time.monotonic()
    api.script = [Step(accept=True), refusal(429, "Too Many Requests: retry after 1", retry_after=1)]
    send(api, MESSAGE._replace(html="\n".join(f"{n} 主" for n in range(1_500))))
    assert [one["text"][:6] for one in api.messages] == ["(1/3) ", "(2/3) ", "(3/3) "]
    assert time.monotonic() - begun >= 1


def test_markup_that_is_refused_goes_as_plain_text(api: BotApi) -> None:
    api.script = [BAD_MARKUP]
    assert send(api) == "sent as plain text: the markup was not accepted"
    (message,) = api.messages
    assert message["text"] == "主 is down\n\n原因: 1 < 2 & 🔥"
    assert "parse_mode" not in message


def test_a_message_that_is_refused_as_plain_text_too_is_given_up(api: BotApi) -> None:
    said = refused(api, BAD_MARKUP, refusal(400, "Bad Request: message is too long"))
    assert said == ("127.0.0.1 answered 400 (Bad Request: message is too long)", False, None)


def test_a_group_that_moved_is_followed_and_named(api: BotApi) -> None:
    api.chats = {"-100777"}
    api.script = [refusal(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-100777)]
    said = send(api)
    assert api.messages[0]["chat_id"] == -100777
    assert said == 'the group has become a supergroup; set chat_id = "-100777" in the configuration'


def test_everything_at_once_still_arrives(api: BotApi) -> None:
    """Moved, topic gone, markup refused: one after the other in one send."""
    api.chats = {"-100777"}
    api.script = [
        refusal(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-100777),
        refusal(400, "Bad Request: message thread not found"),
        BAD_MARKUP,
    ]
    send(api, thread_id=3)
    assert len(api.calls) == 4 and len(api.messages) == 1


def test_a_group_that_moves_for_ever_ends(api: BotApi) -> None:
    moves = [refusal(400, "upgraded", migrate_to_chat_id=number) for number in (-1, -2, -3, -4, -5, -6)]
    _, retryable, _ = refused(api, *moves)
    assert retryable and len(api.calls) == 5


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (
            refusal(429, "Too Many Requests: retry after 37", retry_after=37),
            ("127.0.0.1 answered 429 (Too Many Requests: retry after 37)", True, 37.0),
        ),
        (refusal(429, "Too Many Requests"), ("127.0.0.1 answered 429 (Too Many Requests)", True, None)),
        (refusal(429, "x", retry_after=10**30), ("127.0.0.1 answered 429 (x)", True, 21_600.0)),
        (refusal(429, "x", retry_after=-5), ("127.0.0.1 answered 429 (x)", True, None)),
        (refusal(500, "Internal Server Error"), ("127.0.0.1 answered 500 (Internal Server Error)", True, None)),
        (Step(502, b"<html>bad"), ("127.0.0.1 answered 502 (not an answer of the Bot API)", True, None)),
        (Step(200, b"<html>log in"), ("127.0.0.1 answered 502 (not an answer of the Bot API)", True, None)),
        (Step(200, b"[" * 60_000), ("127.0.0.1 answered 502 (not an answer of the Bot API)", True, None)),
        (Step(200, b"[]"), ("127.0.0.1 answered 502 (not an answer of the Bot API)", True, None)),
        (Step(200, b'{"ok": "yes"}'), ("127.0.0.1 answered 502 (not an answer of the Bot API)", True, None)),
        (
            Step(200, b'{"ok": false, "error_code": 500, "description": "x\\ny"}'),
            ("127.0.0.1 answered 500 (x y)", True, None),
        ),
        (Step(500, b'{"ok": false, "parameters": 7}'), ("127.0.0.1 answered 500", True, None)),
        (
            refusal(403, "Forbidden: bot was kicked from the group chat"),
            (
                "127.0.0.1 answered 403 (Forbidden: bot was kicked from the group chat): "
                "was the bot removed or blocked?",
                True,
                300.0,
            ),
        ),
        (
            refusal(400, "Bad Request: TOPIC_CLOSED"),
            (
                "127.0.0.1 answered 400 (Bad Request: TOPIC_CLOSED): is chat_id right, and may the bot write there?",
                True,
                300.0,
            ),
        ),
        (
            refusal(500, f"/bot{TOKEN}/sendMessage: {TOKEN} has no home"),
            ("127.0.0.1 answered 500 (/bot•••/sendMessage: ••• has no home)", True, None),
        ),
        (Step(instead="reset", accept=True), ("127.0.0.1: the connection broke off", True, None)),
    ],
)
def test_refusals(api: BotApi, step: Step, said: tuple[str, bool, float | None]) -> None:
    assert refused(api, step) == said
    send(api)  # a later try, and all is well


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_one_deadline_over_everything(api: BotApi, how: str) -> None:
    said = refused(api, BAD_MARKUP, Step(instead=how), timeout=0.6)
    assert said[0].startswith("127.0.0.1: no complete answer within 0.") and said[1:] == (True, None)


def test_what_a_person_has_to_mend_waits(api: BotApi) -> None:
    wrong = "127.0.0.1 answered 401 (Unauthorized): is the token right?"
    assert refused(api, token="1:secret_part") == (wrong, True, 300.0)
    nobody = "127.0.0.1 answered 400 (Bad Request: chat not found): is chat_id right, and may the bot write there?"
    assert refused(api, chat_id="-1") == (nobody, True, 300.0)
    elsewhere = "127.0.0.1 answered 404 (Not Found): are token and base_url right?"
    assert refused(api, refusal(404, "Not Found")) == (elsewhere, True, 300.0)


def test_nobody_listens(api: BotApi) -> None:
    assert refused(api, base_url="http://127.0.0.1:1") == ("127.0.0.1: connection refused", True, None)


def test_problems() -> None:
    good = telegram.Settings(TOKEN, "-100")
    assert telegram.problems(good) == telegram.problems(good._replace(chat_id="@news")) == []
    assert telegram.problems(good._replace(chat_id=-100)) == []
    bad = telegram.Settings("secret_part", "my chat", "ftp://x", silent=("quiet",))
    found = telegram.problems(bad)
    assert [key for key, _ in found] == ["token", "chat_id", "base_url", "silent"]
    assert "secret_part" not in str(found)
    assert found[3][1] == "no severity 'quiet'; expected some of low, medium, high, severe"


def configured(folder: Path, api: BotApi) -> None:
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "heartbeat.toml").write_text(
        f'[heartbeat]\nlocale = "zh-HK"\nstate_dir = "{folder}/state"\n[channels.tg]\nkind = "telegram"\n'
        f'token = "file:token"\nchat_id = {CHAT}\nbase_url = "{api.url}"\n'
    )


def test_a_trial(tmp_path: Path, api: BotApi) -> None:
    configured(tmp_path, api)
    assert heartbeat(tmp_path, "notify", "--test", "tg") == (0, "tg：已發送\n", "")
    assert api.messages[0]["disable_notification"]
    api.script = [refusal(401, "Unauthorized")]
    ended = heartbeat(tmp_path, "notify", "--test", "tg")
    assert ended == (1, "tg：127.0.0.1 answered 401 (Unauthorized): is the token right?\n", "")


BUTTONS = (Button("ack", "i-1", "✓ Acknowledge"), Button("silence", "i-1", "1 h"), Button("ack", "i-2", "✓ web"))


def test_buttons_stand_under_the_last_part_a_row_for_each_incident(api: BotApi) -> None:
    report = MESSAGE._replace(type="report", html="<b>r</b>\n" + "line\n" * 1_500, buttons=BUTTONS)
    send(api, report, buttons=True, users=(1,))
    assert len(api.messages) > 1 and ["reply_markup" in one for one in api.messages].count(True) == 1
    rows = api.messages[-1]["reply_markup"]["inline_keyboard"]
    assert [[one["text"] for one in row] for row in rows] == [["✓ Acknowledge", "1 h"], ["✓ web"]]
    assert all(len(one["callback_data"]) <= 64 for row in rows for one in row)
    send(api, MESSAGE._replace(buttons=BUTTONS))
    assert "reply_markup" not in api.messages[-1], "off by default"


@pytest.mark.parametrize("said", ["BUTTON_DATA_INVALID", "can't parse reply keyboard markup JSON object"])
def test_buttons_that_are_not_accepted_cost_no_message(api: BotApi, said: str) -> None:
    api.script = [refusal(400, f"Bad Request: {said}"), BAD_MARKUP]
    notes = send(api, MESSAGE._replace(buttons=BUTTONS), buttons=True, users=(1,))
    assert notes == "sent without buttons: they were not accepted; sent as plain text: the markup was not accepted"
    assert len(api.messages) == 1 and "reply_markup" not in api.messages[0]


def test_presses_are_collected_through_the_proxy_that_messages_go_through(api: BotApi) -> None:
    """It is asked for the address of the bot, as a proxy is."""
    one = settings(api, base_url="http://bot-api.invalid", proxy=api.url, buttons=True, users=(4711,))
    number = api.press("A" * 22)
    assert telegram.collect(one, None, timeout=5.0).next == number + 1
