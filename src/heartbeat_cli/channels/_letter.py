"""A message as a mail: what stands in its headers and its two bodies. Nothing here talks to anyone.

Its Message-ID follows from the message, so that a mail sent twice is known to be one; the mails of an incident refer to
one common ancestor, which no one ever sends, and so stand together.
"""

import hashlib
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from heartbeat_cli import __version__
from heartbeat_cli.domain.alerting import mail_address
from heartbeat_cli.domain.alerting.markup import Run, harmless, parse, render
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.alerting.still_page import is_still
from heartbeat_cli.domain.plain import one_line

_SUBJECT = 200  # characters
# Headers of ASCII are not folded: a fold right after the name leaves a second space before the subject.
_UNFOLDED = SMTP.clone(max_line_length=900)
_BODY = 200_000
_THREADS = 20  # incidents that a digest is a reply to
_COLOURS = {"severe": "#7f1d1d", "high": "#dc2626", "medium": "#d97706", "low": "#2563eb"}
_ENDED = ("recovered", "degraded_ended", "observed_again")
_MARKS = {"🟢": "#16a34a", "🟡": "#d97706", "🔵": "#2563eb"}  # what a message begins with says more than its severity
_PAGE = """\
<!DOCTYPE html>
<html><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>{title}</title></head>
<body style="margin:0;padding:16px;font:15px/1.55 system-ui,'Segoe UI',Roboto,'Noto Sans CJK HK',sans-serif">
<div style="max-width:640px;border:1px solid #8884;border-top:5px solid {colour};border-radius:6px;padding:16px 20px;\
overflow-wrap:anywhere">
{content}
</div>
<p style="max-width:640px;margin:10px 0 0;font-size:12px;opacity:.65">heartbeat &middot; {type} &middot; {label}</p>
</body></html>
"""
_PRE = (
    'style="white-space:pre-wrap;font:13px/1.45 ui-monospace,Consolas,monospace;margin:4px 0 8px;padding:8px 10px;'
    'background:#8881;border-radius:4px"'
)
_HEAD = 'style="font-size:19px;line-height:1.35"'
_FINE = 'style="font-style:normal;font-size:13px;opacity:.75"'


def compose(message: Message, sender: str, to: Sequence[str]) -> EmailMessage:
    """The whole mail, the same each time it is made."""
    from datetime import UTC, datetime

    own = _address(sender)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = own
    mail["To"] = [_address(one) for one in to]
    mail["Subject"] = one_line(harmless(message.headline), _SUBJECT)
    mail["Date"] = format_datetime(datetime.fromtimestamp(message.at, UTC))
    mail["Message-ID"] = _id(own.domain, message.id, message.component, f"{message.at:.3f}")
    if message.thread is not None:
        thread = _id(own.domain, message.thread)
        mail["In-Reply-To"] = thread
        mail["References"] = thread
    elif message.threads:
        mail["References"] = " ".join(_id(own.domain, one) for one in message.threads[:_THREADS])
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if message.severity == "severe":
        mail["Importance"] = "high"
    mail["X-Heartbeat-Severity"] = message.severity
    mail["X-Heartbeat-Type"] = _token(message.type)
    mail["X-Heartbeat-Component"] = _token(message.component)
    mail["X-Mailer"] = f"heartbeat/{__version__}"
    text = harmless(f"{message.title}\n\n{message.text}"[:_BODY])
    mail.set_content(text, cte=_coding(text))
    page = message.page if message.page and is_still(message.page) else _page(message)
    mail.add_alternative(page, subtype="html", cte=_coding(page))
    if "".join([mail["Subject"], sender, *to]).isascii():  # encoded words have a limit of their own
        mail.policy = _UNFOLDED
    return mail


def _address(text: str) -> Address:
    name, user, domain = mail_address.read(text)
    return Address(name, user, domain)


def _id(domain: str, *parts: str) -> str:
    """Two hosts may both have a `report_20260101`: so more than the id goes in."""
    digest = hashlib.sha256("\n".join(parts).encode(errors="replace")).hexdigest()
    return f"<{digest[:32]}.heartbeat@{domain}>"


def _token(text: str) -> str:
    """For a header of our own: ASCII, one line."""
    return one_line(text.encode("ascii", "replace").decode(), 100)


def _coding(text: str) -> str:
    return "quoted-printable" if text.isascii() else "base64"


def _page(message: Message) -> str:
    content = render(parse(message.html[:_BODY]), _written)
    mark = "🟢" if message.type in _ENDED else message.html.removeprefix("<b>")[:1]
    return _PAGE.format(
        title=escape(harmless(message.title)[:_SUBJECT]),
        colour=_MARKS.get(mark) or _COLOURS.get(message.severity, "#6b7280"),
        content=_styled(content),
        type=escape(harmless(message.type)),
        label=escape(harmless(message.label or message.severity)),
    )


def _styled(content: str) -> str:
    """The few tags as a mail shows them: the first bold text is the headline, `i` is small print."""
    content = content.replace("<b>", f"<b {_HEAD}>", 1) if content.startswith("<b>") else content
    return content.replace("</pre><br>\n", "</pre>").replace("<pre>", f"<pre {_PRE}>").replace("<i>", f"<i {_FINE}>")


def _written(run: Run) -> str:
    text = escape(run.text, quote=False)
    return text if "pre" in run.tags else text.replace("\n", "<br>\n")
