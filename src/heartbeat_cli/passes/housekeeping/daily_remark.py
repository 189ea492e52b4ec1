"""What a run says once a day only: cron mails every line of it."""

from heartbeat_cli.config.types import Config
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database

_DAY = 86_400


def is_due(db: Database, config: Config, about: str, now: float) -> bool:
    """Whether a remark about that has not been made by this host today; then it counts as made."""
    name, today = f"{about}_remark {config.observer}", str(int(now // _DAY))
    if preferences.get(db, name) == today:
        return False
    with db.transaction():
        preferences.put(db, name, today)
    return True
