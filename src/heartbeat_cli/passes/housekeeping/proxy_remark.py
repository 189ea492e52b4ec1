"""What is said, once a day, of a proxy that the environment names: it is not followed."""

import os

from heartbeat_cli.config.types import Config
from heartbeat_cli.http import proxies
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database

_NAME = "proxy_remark "
_DAY = 86_400


def due(db: Database, config: Config, now: float) -> str | None:
    """The remark, unless it was made today: cron mails every line of a run."""
    text = proxies.ignored(config.heartbeat.proxy, os.environ)
    name, today = _NAME + config.observer, str(int(now // _DAY))
    if text is None or preferences.get(db, name) == today:
        return None
    with db.transaction():
        preferences.put(db, name, today)
    return text
