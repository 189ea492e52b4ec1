"""What a channel is handed: one finished message, worded and redacted, safe text and safe HTML."""

from heartbeat_cli.domain.component import Severity
from heartbeat_cli.domain.record import Record


class Button(Record):
    """A button under a message: what it does (see `presses.ACTIONS`) about which incident, what it says, and the id of
    the channel whose message it is under."""

    action: str
    incident: str
    label: str
    channel: str = ""


class Message(Record):
    """`id` is stable over retries (a Message-ID or idempotency key); `thread` groups the messages of an incident,
    `threads` are the incidents that a digest is about.
    `text` is plain and goes on where `title` ends; `html` holds both, and only the tags Telegram and mail share (b, i,
    code, pre, a) with all else escaped. `label` is the severity in the reader's language, or that
    it is over. `subject` is the title for where many machines write: the machine first, and for an end the words of
    its beginning.
    `page`, where there is one (a report), is a whole HTML document to be mailed in its place. `buttons` are for the
    channels that have them, in rows by incident."""

    id: str
    type: str
    severity: Severity
    title: str
    text: str
    html: str
    component: str
    at: float
    thread: str | None = None
    label: str = ""
    threads: tuple[str, ...] = ()
    page: str = ""
    buttons: tuple[Button, ...] = ()
    subject: str = ""

    @property
    def headline(self) -> str:
        """The subject, or the title where there is none."""
        return self.subject or self.title
