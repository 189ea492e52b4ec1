"""What discovery found, as a commented configuration file."""

from collections.abc import Iterable
from typing import Any

from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.views.settings_text import toml

_HEAD = """\
# heartbeat: what runs on this host, as found by `heartbeat init --discover`.
#
# Lines that begin with `#` alone are settings to switch on. All times are seconds. `heartbeat kinds` shows every key,
# `heartbeat init -o -` prints a fully commented example, `heartbeat config check` says what is wrong in this file.

[heartbeat]
# Where everything is kept. Default: SQLite in the state folder.
#store = "postgresql://heartbeat@localhost/heartbeat"
# Zone that days and shown times are cut by. Default: this host's.
{timezone}
# Language of messages and reports: "en" or "zh-HK".
locale = "en"
# "aggressive" (every 15 s), "normal" (30 s) or "conservative" (60 s).
strategy = "normal"

[recovery]
# "ask": heartbeat tells what it would restart and waits for `heartbeat recover --component ID`. Change it to "on", here
# and in the ladders below, to have it restart by itself; "off" never restarts anything.
mode = "ask"
# Folder of the scripts restart_<id>.sh that are tried when nothing else helped. Default: none.
#scripts = "/etc/heartbeat/scripts"

# How alerts reach people; without a channel they are printed, and cron mails that. `heartbeat kinds` lists the others.
[channels.console]
kind = "console"
"""

_UNHEARD = """
# BAD: {why}:
# no alert reaches a person. Take the `#` from one of these and fill it in; `heartbeat notify --test tg` tries it.
#[channels.tg]
#kind = "telegram"
#token = "file:telegram.token"
#chat_id = "-1001234567890"
#[channels.mail]
#kind = "email"
#host = "smtp.example.org"
#from = "heartbeat@example.org"
#to = ["you@example.org"]
"""


def text(things: Iterable[Any], timezone: str, unheard: str = "") -> str:
    """A configuration file that holds these components (each with `id`, `table` and `remark`). `unheard` says why what
    is printed reaches nobody here; then it says so, with channels to fill in."""
    parts = [_HEAD.format(timezone=toml({"timezone": timezone}).rstrip())]
    if unheard:
        parts.append(_UNHEARD.format(why=one_line(unheard)))
    for one in things:
        remark = f"# {one_line(one.remark, 110)}\n" if one.remark else ""
        parts.append(f"\n{remark}{toml({'components': {one.id: one.table}})}")
    return "".join(parts)
