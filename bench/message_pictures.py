"""What messages look like: `python -m bench.message_pictures [FOLDER]` makes docs/messages-*.png with a real browser.

The messages are the ones that channels get: worded by the templates, cut for Telegram, composed as mails. Only the
frame (a chat's background, a mail's subject line) is drawn here.
"""

import re
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import Any

from tests.parts import chromium

from heartbeat_cli.channels import _letter
from heartbeat_cli.domain.alert import Alert
from heartbeat_cli.domain.component import Common, Component, Severity
from heartbeat_cli.domain.message import Message
from heartbeat_cli.domain.telegram_text import fit
from heartbeat_cli.views import messages, wording

ZONE, NIGHT = "Asia/Hong_Kong", 1_795_028_400.0 - 21.0  # 2026-11-19 03:00 there, or a little before
COMPONENTS = {
    "main": Component("main", "agent", None, Common(name="Main Agent")),
    "db": Component("db", "database", None, Common(name="PostgreSQL")),
    "gateway": Component("gateway", "docker", None, Common(name="Gateway")),
    "backup": Component("backup", "push", None, Common(name="Nightly Backup")),
}
_DOTS = {"🔴": "#dd2e44", "🟡": "#fdcb58", "🟢": "#78b159", "🔵": "#55acee"}
_CHAT = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 22px; background: #b9cfd8; font: 15px/1.42 system-ui, 'Noto Sans CJK HK', sans-serif; }
main { columns: 2; column-gap: 22px; width: 1040px; }
.bubble { break-inside: avoid; background: #fff; border-radius: 4px 14px 14px 14px; padding: 9px 13px 7px;
  margin: 0 0 16px;  box-shadow: 0 1px 2px #0003; white-space: pre-wrap; overflow-wrap: anywhere; }
.who { color: #3a8ec9; font-weight: 600; } .time { text-align: right; color: #8a9aa5; font-size: 12px; }
pre { margin: 3px 0; padding: 6px 9px; border-left: 3px solid #3a8ec9; background: #3a8ec914; border-radius: 4px;
  white-space: pre-wrap; font: 13px/1.4 'DejaVu Sans Mono', 'Noto Sans Mono CJK HK', monospace; }
code { font: 13px 'DejaVu Sans Mono', monospace; color: #2a6d9e; }
</style><main>%s</main>"""
_MAILBOX = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 22px; background: #eceff1; font: 15px system-ui, 'Noto Sans CJK HK', sans-serif; }
main { columns: 2; column-gap: 22px; width: 1360px; }
section { break-inside: avoid; background: #fff; border-radius: 8px; margin: 0 0 20px; box-shadow: 0 1px 3px #0003; }
header { padding: 12px 18px; border-bottom: 1px solid #ddd; } header b { display: block; font-size: 16px; }
header small { color: #667; } iframe { border: 0; width: 100%%; display: block; }
</style><main>%s</main>
<script>for (const f of document.querySelectorAll("iframe")) f.onload = () => {
  f.style.height = f.contentDocument.documentElement.scrollHeight + "px"; };</script>"""
_MEASURE = """<script>setTimeout(() => document.documentElement.dataset.height =
  Math.ceil(document.querySelector("main").getBoundingClientRect().bottom) + 8, 400);</script>"""


def alert(type_: str, id_: str, severity: Severity, after: float, reason: str, locale: str, **details: Any) -> Alert:
    component = COMPONENTS[id_]
    common = {"started": NIGHT, "kind": component.kind, "observer": "pi"}
    title = wording.title(type_, component, locale)
    incident = f"{id_}@{NIGHT:.0f}"
    return Alert(f"{incident}/{type_}", type_, severity, title, id_, NIGHT + after, incident, reason, common | details)


def told(locale: str) -> list[Message]:
    """A night's messages: an agent down, then three things at once, what could not be healed, and the end."""
    down = alert(
        "agent_down", "main", "high", 61, "3 failing looks in a row (threshold 3)", locale,
        cause="HTTP 503 Service Unavailable: connection pool exhausted",
        held=["chat"],
        recovery="next: step 1 of 2: systemd openclaw-main.service",
        evidence={
            "http": "HTTP 503 from http://localhost:8000/health (dns 0.000 s, connect 0.001 s, first_byte 0.214 s)",
            "body": '{"status": "fail",\n "output": "connection pool exhausted",\n "checks": {"db": "timeout"}}',
        },
    )  # fmt: skip
    db = alert(
        "database_down", "db", "severe", 61, "3 failing looks in a row (threshold 3)", locale,
        cause="no connection to localhost:5432: connection refused",
        held=["chat", "coding", "weather"], in_fault=3, watched=9,
        recovery="next: step 1 of 3: postgres reload",
    )  # fmt: skip
    gateway = alert(
        "docker_down", "gateway", "high", 61, "3 failing looks in a row (threshold 3)", locale,
        cause="health check failed 4 times in a row: dial tcp 127.0.0.1:5432: connect: connection refused",
        target="openclaw-gateway",
        evidence={"health log": "exit 1 at 2026-11-18T19:00:41Z\ndial tcp 127.0.0.1:5432: connect: connection refused"},
    )  # fmt: skip
    late = alert(
        "recovered", "backup", "high", 61, "2 good looks in a row (threshold 2)", locale,
        started=NIGHT - 5400, cause="last beat 1 d 1 h ago, expected every 1 d (+1 h grace)",
    )  # fmt: skip
    tried = [
        ["systemd", "failed", "openclaw-main.service could not be restarted: Connection timed out"],
        ["script", "failed", "restart_main.sh ended with exit code 1: no space left on device"],
    ]
    failed = alert(
        "recovery_failed", "main", "high", 130, "all 2 steps were tried", locale,
        cause="HTTP 503 Service Unavailable: connection pool exhausted", attempts=tried,
    )  # fmt: skip
    over = alert(
        "recovered", "db", "severe", 1512, "2 good looks in a row (threshold 2)", locale,
        cause="no connection to localhost:5432: connection refused",
        attempts=[
            ["postgres", "failed", "no connection to localhost:5432: connection refused"],
            ["docker", "done", "restarted openclaw-postgres: started at 2026-11-18T19:24:58Z"],
        ],
    )  # fmt: skip
    one = [messages.message(each, locale, ZONE, []) for each in (down, failed, over)]
    several = messages.digest([late, gateway, db], locale, ZONE, [], id="digest")
    return [one[0], several, one[1], one[2]]


def dotted(html: str) -> str:
    """Coloured dots drawn, lest the picture depend on an emoji font."""
    style = "display:inline-block;width:.85em;height:.85em;border-radius:50%;vertical-align:-.08em;background:"
    return re.sub("[🔴🟡🟢🔵]", lambda found: f'<span style="{style}{_DOTS[found[0]]}"></span>', html)


def _blocks(html: str) -> str:
    """A block of code ends its line by itself."""
    return html.replace("</pre>\n", "</pre>")


def chat(locale: str) -> str:
    bubbles = [
        f'<div class="bubble"><div class="who">heartbeat</div>{_blocks(part.html)}'
        f'<div class="time">{wording.local_time(one.at, ZONE, "%H:%M")}</div></div>'
        for one in told(locale)
        for part in fit(one.html)
    ]
    return _CHAT % dotted("".join(bubbles))


def mailbox(locale: str) -> str:
    mails = []
    for one in told(locale):
        mail = _letter.compose(one, "heartbeat <heartbeat@example.org>", ["ops@example.org"])
        page = mail.get_body(("html",))
        assert page is not None
        head = f"<header><b>{escape(str(mail['Subject']))}</b><small>{escape(str(mail['From']))}</small></header>"
        mails.append(f'<section>{head}<iframe srcdoc="{escape(dotted(page.get_content()))}"></iframe></section>')
    return _MAILBOX % "".join(mails)


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        for name, width, made in (("telegram", 1084, chat), ("mail", 1404, mailbox)):
            for locale in wording.LOCALES:
                page = Path(work) / f"{name}.html"
                page.write_text(made(locale) + _MEASURE, encoding="utf-8")
                height = re.search(r'data-height="(\d+)"', chromium.open_page(page, seconds=2).dom)
                out = folder / f"messages-{name}{'' if locale == 'en' else f'-{locale}'}.png"
                chromium.picture(page, out, width, int(height[1]) if height else 1600)
                print(out)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
