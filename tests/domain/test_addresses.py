"""The parts of ordinary addresses, as the library tells them."""

import random
from urllib.parse import urlsplit

import pytest

from heartbeat_cli.domain.addresses import ordinary

PIECES = [
    "http",
    "https",
    "HTTP",
    "://",
    ":",
    "/",
    "?",
    "#",
    "@",
    "[",
    "]",
    "a",
    "Localhost",
    "10.0.0.1",
    "80",
    "65536",
]
PIECES += ["65536", "%41", " ", "\n", "é", ".", "-", "_", "health", "0", "007", "12345678901", ";", "\\"]


def test_they_are_those_of_the_library() -> None:
    draw, known = random.Random(1), 0
    for _ in range(50_000):
        head = draw.choice(("http://", "https://", "http://a", "https://10.0.0.1:", ""))
        url = head + "".join(draw.choices(PIECES, k=draw.randrange(6)))
        found = ordinary(url)
        if found is None:
            continue
        known += 1
        library = urlsplit(url)
        assert found == (library.scheme, library.hostname, library.port, library.path), url
    assert known > 5_000


@pytest.mark.parametrize(
    "url", ["http://u:p@a/", "http://[::1]:8/", "ftp://a", "http://a:99999/", "http:///x", "http://a:/"]
)
def test_an_address_of_another_sort_is_left_to_the_library(url: str) -> None:
    assert ordinary(url) is None
