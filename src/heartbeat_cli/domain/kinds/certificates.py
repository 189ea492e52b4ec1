"""What is said of a TLS certificate by its end. Moments are ISO 8601 in UTC: shown, they are in the reader's zone."""

from datetime import UTC, datetime

from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.text import Text


def moment(at: float) -> str:
    """A moment (epoch seconds) as a value of a Text."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


EXPIRED = ("TLS certificate of {host} expired on {at}", "TLS certificate of {host} has expired")


def expired(host: str, at: float | None) -> Text:
    """That the certificate of a host has expired, and when (epoch seconds; None: that is not known)."""
    if at is None:
        return Text("TLS certificate of {host} has expired", host=host)
    return Text("TLS certificate of {host} expired on {at}", host=host, at=moment(at))


def warning(ends: float, now: float) -> Text:
    """When a certificate that is still accepted expires, and how long that is from now."""
    at = moment(ends)
    if ends < now:
        return Text("TLS certificate expired on {at}, {span} ago", at=at, span=duration(now - ends))
    return Text("TLS certificate expires on {at}, in {span}", at=at, span=duration(ends - now))
