"""Sources of presses that could not be asked for a while, for `doctor` and `status`: a run says that only with `-v`."""

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, listed
from heartbeat_cli.passes.buttons import collect
from heartbeat_cli.store.outbox.outbox import store_time
from heartbeat_cli.store.sql import sentences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import presses
from heartbeat_cli.views.wording import local_time

_LASTING = 900.0  # seconds after which it is more than a passing disturbance


class Lasting(Record):
    """Channels whose buttons do nothing: what is the matter, since when and why, and what to do."""

    text: str
    advice: str


def lasting(db: Database, config: Config, now: float) -> list[Lasting]:
    """Those that last for a quarter of an hour."""
    found = []
    for source in collect.sources(config):
        _, _, trouble = presses.read(db, source.id)
        if trouble is None or store_time(db, now) - trouble.since < _LASTING:
            continue
        text = Text(
            "buttons of channel {channels} do nothing: presses could not be collected since {since}: {why}",
            channels=listed([one.id for one in source.channels]),
            since=local_time(trouble.since, config.timezone),
            why=sentences.known(db, trouble.why, config.heartbeat.locale),
        )
        first = source.channels[0].id
        advice = Text("check its token and the way to it: heartbeat notify --test {channel}", channel=first)
        found.append(Lasting(text, advice))
    return found
