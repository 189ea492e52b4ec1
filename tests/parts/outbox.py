"""The outbox as a sender uses it: a parcel claimed, and what came of sending it."""

from heartbeat_cli.domain.alerting import delivery
from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.domain.alerting.delivery import Attempt
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.store.outbox import outbox, outcomes
from heartbeat_cli.store.outbox.outbox import Batch
from heartbeat_cli.store.outbox.outcomes import Outcome
from heartbeat_cli.store.sql.database import Database

LEASE = 60.0
_ANY = ChannelCommon()


def taken(db: Database, now: float, channel: str, digest: bool = True, owner: str = "me") -> list[str]:
    """The ids of what is claimed, nothing when nothing is due."""
    parcel = outbox.claim(db, owner, now, LEASE, channel, digest)
    return [] if parcel is None else [one.id for one in parcel.notifications]


def claim(db: Database, now: float, channel: str, digest: bool = True) -> Batch:
    parcel = outbox.claim(db, "me", now, LEASE, channel, digest)
    assert parcel is not None
    return parcel


def settle(
    db: Database,
    parcel: Batch,
    error: str | None,
    now: float,
    *,
    common: ChannelCommon = _ANY,
    retryable: bool = True,
    unsure: bool = False,
    retry_after: float | None = None,
) -> None:
    """A try that ended with this error (None: it was taken); its fallback takes over."""
    failed = None if error is None else DeliveryError(
        error, retryable=retryable, unsure=unsure, retry_after=retry_after
    )  # fmt: skip
    attempt = Attempt(0.25, failed)
    decision = delivery.decide(attempt, common, parcel.notifications[0].attempts, now, now)
    fallbacks = (common.fallback,) if common.fallback else ()
    remark = f"{parcel.channel} does not take it"
    outcomes.save(db, parcel, Outcome(now, "here", decision, error, None, attempt.took, fallbacks, remark))
