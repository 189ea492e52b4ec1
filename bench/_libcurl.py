"""What asking takes by itself, for `many`: a script that makes the same exchanges with libcurl, as its examples do, and
nothing else. A check goes the way a new client would, so neither keeps connections."""

import sys
from collections.abc import Callable
from functools import partial

from bench._measure import Cost, cost

NAME = "bare libcurl"

_SCRIPT = """
import sys
from io import BytesIO
import pycurl
url, number = sys.argv[1], int(sys.argv[2])
multi, waiting, ended, running = pycurl.CurlMulti(), iter(range(number)), 0, {}
def ask(curl, one):
    running[curl] = body = BytesIO()
    curl.setopt(pycurl.URL, f"{url}/c{one}")
    curl.setopt(pycurl.WRITEDATA, body)
    multi.add_handle(curl)
def handle():
    curl = pycurl.Curl()
    for option in (pycurl.NOSIGNAL, pycurl.FRESH_CONNECT, pycurl.FORBID_REUSE):
        curl.setopt(option, 1)
    curl.setopt(pycurl.TIMEOUT_MS, 10_000)
    return curl
for one in range(min(64, number)):
    ask(handle(), next(waiting))
while ended < number:
    multi.perform()
    _, good, bad = multi.info_read()
    assert not bad, bad
    for curl in good:
        multi.remove_handle(curl)
        ended += 1
        assert curl.getinfo(pycurl.RESPONSE_CODE) == 200 and b"ok" in running.pop(curl).getvalue()
        one = next(waiting, None)
        if one is not None:
            ask(curl, one)
    if not good:
        multi.select(1.0)
"""


def run(url: str, number: int) -> Callable[[], Cost]:
    """What measures so many exchanges with the server at `url`."""
    return partial(cost, [sys.executable, "-c", _SCRIPT, url, str(number)])
