"""The spools of this host, and what they wait for."""

from collections.abc import Iterator
from datetime import UTC, datetime

from heartbeat_cli.config import places
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.finding import Finding
from heartbeat_cli.domain.text import Text
from heartbeat_cli.store.standby import spool, spool_files, takeover


def findings(config: Config) -> Iterator[Finding]:
    folder = places.store_folder(config)
    for path in spool.existing(folder):
        outage = spool_files.query(path, config.heartbeat.store_timeout, spool.current_outage)
        if outage is not None:
            text = Text(
                "{path}: has kept passes in place of the store since {since}: {reason}",
                path=str(path),
                since=datetime.fromtimestamp(outage.started, UTC).isoformat(timespec="seconds"),
                reason=outage.reason,
            )
            advice = Text("mend what the reason says; the next pass that reaches the store replays them")
            yield Finding("state", "warn", text, advice)
    for path in spool.aside(folder):
        advice = Text("it goes into its store when that is back; when it will not be, remove the file")
        yield Finding("state", "warn", Text("{path}: holds what was seen for another store", path=str(path)), advice)
    for path in takeover.strangers(config):
        advice = Text("bring its configuration file back, or remove the file when nobody wants what is in it")
        text = Text("{path}: holds what was seen under another configuration", path=str(path))
        yield Finding("state", "warn", text, advice)
