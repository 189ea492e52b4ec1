"""A real browser for the pages: what it made of a file, what it complained of, a picture.

seen = chromium.open_page(path)              # .dom after scripts ran, .console: every line a page can cause
chromium.picture(path, "out.png", 390, 1600, dark=True)
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.parts import lacking

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--enable-logging=stderr"),
)
_DARK = "--blink-settings=preferredColorScheme=0"


class Opened(NamedTuple):
    dom: str
    console: list[str]


def open_page(page: Path, *, seconds: float = 1.0, dark: bool = False, width: int = 1200) -> Opened:
    """Open a file, let its scripts run for `seconds` of page time, and return what is there then."""
    extra = [f"--virtual-time-budget={round(seconds * 1000)}", "--timeout=100000", f"--window-size={width},1600"]
    done = _run(page, "--dump-dom", *extra, *([_DARK] if dark else []))
    lines = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Opened(done.stdout, [re.sub(r"^.*?CONSOLE[^ ]* ", "", line) for line in lines])


def picture(page: Path, out: Path | str, width: int, height: int, *, dark: bool = False) -> Path:
    """A screenshot of the top of a page."""
    extra = [_DARK] if dark else []
    _run(page, f"--screenshot={out}", f"--window-size={width},{height}", *extra)
    return Path(out)


def _run(page: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        lacking("no chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="heartbeat-chromium-", ignore_cleanup_errors=True) as profile:
        argv = [program, *_FLAGS, f"--user-data-dir={profile}", *words, page.resolve().as_uri()]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
