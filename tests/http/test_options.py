"""Which requests a libcurl handle may serve one after the other without being set up anew."""

import inspect
import re

import pytest

from heartbeat_cli.domain.checking.exchange import Request
from heartbeat_cli.http import options

PLAIN = Request("http://127.0.0.1:1/a")
OTHER = {
    "method": "POST",
    "headers": (("Authorization", "Bearer s3cr3t"),),
    "body": b"s3cr3t",
    "unix_socket": "/run/one.sock",
    "verify_tls": False,
    "ca_file": "/ca.pem",
    "cert_file": "/cert.pem",
    "key_file": "/key.pem",
    "proxy": "http://127.0.0.1:3",
}


@pytest.mark.parametrize("key", OTHER)
def test_a_request_that_differs_in_what_the_handle_is_told_is_not_alike(key: str) -> None:
    changed = PLAIN._replace(**{key: OTHER[key]})
    assert options.are_alike(PLAIN, PLAIN._replace(url="http://127.0.0.1:2/b"))
    assert not options.are_alike(changed, PLAIN) and not options.are_alike(PLAIN, changed)


def test_whatever_a_handle_is_told_is_compared() -> None:
    """All that `options.py` reads of a request, however many keys that has one day."""
    read = set(re.findall(r"\brequest\.(\w+)", inspect.getsource(options)))
    assert read & set(Request._fields) <= OTHER.keys() | {"url"}


@pytest.mark.parametrize("url", ["https://127.0.0.1:1/a", "http://kim:s3cr3t@127.0.0.1:1/a"])
def test_what_libcurl_would_remember_is_not_alike(url: str) -> None:
    changed = PLAIN._replace(url=url)
    assert not options.are_alike(changed, PLAIN) and not options.are_alike(PLAIN, changed)


def test_a_proxy_needs_no_new_libcurl() -> None:
    """7.51, 7.53 and 7.54: an option that it does not know would fail the request."""
    known = [bool(options.newer(name, 1, 0x073300)) for name in ("PROXY_CAINFO", "SUPPRESS_CONNECT_HEADERS")]
    assert known == [False, False]
    assert [bool(options.newer("SUPPRESS_CONNECT_HEADERS", 1, one)) for one in (0x073500, 0x073600)] == [False, True]
    assert options.newer("PROXY_CAINFO", b"/ca.pem", 0x073500)[0][1] == b"/ca.pem"
