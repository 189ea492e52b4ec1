"""What is wrong and stays wrong is said once a day, not at every pass: cron mails every line."""

import os
from contextlib import suppress
from pathlib import Path

from heartbeat_cli.system.files import read_own, write_own

_AGAIN = 86_400.0  # seconds until what has not changed is said again
_MOST = 100_000  # bytes


def is_news(marker: Path, text: str, now: float) -> bool:
    """Whether a trouble is to be said: not when the same was said within the last day. The file `marker` remembers it;
    where that cannot be written it is said every time, which is better than never."""
    try:
        if read_own(marker, _MOST).decode() == text and 0 <= now - os.lstat(marker).st_mtime < _AGAIN:
            return False
    except (OSError, ValueError):
        pass  # nothing was said yet
    try:
        write_own(marker, text)
        os.utime(marker, (now, now))
    except OSError:
        pass
    return True


def is_over(marker: Path) -> None:
    """There is no trouble any more: the next one is news. Raises OSError when that cannot be remembered."""
    marker.unlink(missing_ok=True)


def news_of(path: Path, troubles: list[str], now: float) -> list[str]:
    """Those of the troubles to be said now: all of them when they have changed, or a day after they were said last."""
    if troubles:
        return troubles if is_news(path, "\n".join(troubles), now) else []
    with suppress(OSError):
        is_over(path)
    return []
