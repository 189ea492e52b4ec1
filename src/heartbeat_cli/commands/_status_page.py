"""Writes the page that everybody may see, its feed and its JSON, for `run`."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from heartbeat_cli.commands import _page
from heartbeat_cli.commands._base import App
from heartbeat_cli.config import places
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import HeartbeatError, StoreError
from heartbeat_cli.system import once

if TYPE_CHECKING:
    from heartbeat_cli.store.sql.database import Database

_TROUBLE = "status_page.trouble"
_AGAIN = 60.0  # seconds after which a page that could not be made as it should is made again


def refresh(app: App, db: "Database", now: float) -> None:
    """Write the files when something has changed or the interval of the dashboard is over. What is wrong is said on
    standard error once a day, and never fails the pass."""
    reported = places.config_folder(app.config) / _TROUBLE
    target = Path(app.config.status_page.file or "").expanduser()
    try:
        if not _is_due(app, db, target, os.path.lexists(reported), now):
            return
        trouble = write(app, db, target, now)
    except HeartbeatError as error:
        trouble = str(error)
    if not trouble:
        with suppress(OSError):
            once.is_over(reported)
    elif once.is_news(reported, trouble, now):
        app.remark(Text("heartbeat: status page: {error}", error=trouble))


def _is_due(app: App, db: "Database", target: Path, had_trouble: bool, now: float) -> bool:
    interval = app.config.dashboard.interval
    try:
        return _page.is_due(target, min(interval, _AGAIN) if had_trouble else interval, db, now)
    except StoreError:
        return True  # and the page will say that nothing is known


def write(app: App, db: "Database", target: Path, now: float) -> str:
    """Write the three files; the page last, because its age says that all are written. Returns what could not be read
    of the store, which the page says, too. Raises HeartbeatError when one cannot be written."""
    from zoneinfo import ZoneInfo

    from heartbeat_cli.config import status_page as shown
    from heartbeat_cli.domain.plain import json_text
    from heartbeat_cli.store.board import status_page as store
    from heartbeat_cli.views import status_data, status_feed, status_page, voice

    config = app.config
    components, spoken = shown.shown(config), voice.of(config, now)
    facts = store.read(db, config, components, ZoneInfo(config.timezone), now)
    tree = status_data.tree(facts, components, config, spoken)
    page = status_page.page(tree, facts, components, config, spoken)
    if facts.is_read:  # an empty feed would say that there was nothing
        feed = status_feed.feed(tree, facts, config, spoken)
        _page.write_file(target.with_name(shown.FEED), feed, _page.PUBLIC, now)
    _page.write_file(target.with_name(shown.JSON), json_text(tree) + "\n", _page.PUBLIC, now)
    _page.write_file(target, page, _page.PUBLIC, now)
    return facts.trouble
