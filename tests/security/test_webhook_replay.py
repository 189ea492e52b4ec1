"""A webhook message that somebody kept and sends again is told from a fresh one, by the check that the manual gives."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.channels import webhook
from heartbeat_cli.domain.alerting.message import Message
from tests.parts import lacking
from tests.parts.http import Seen, Server, healthy_server

MANUAL = (Path(__file__).parent.parent.parent / "docs/recipes/channels.md").read_text()
MESSAGE = Message("i-1/agent_down", "agent_down", "high", "主 is down", "text", "<b>x</b>", "main", 1.5, "i-1")
SECRET = "shared-s3cret"
HEADER = "x-heartbeat-timed-signature"


@pytest.fixture
def genuine() -> Callable[[bytes, str, bytes], bool]:
    """The receiver's check as the manual prints it."""
    names: dict[str, Any] = {}
    (sample,) = [block for block in re.findall(r"```python\n(.*?)```", MANUAL, re.S) if "def genuine" in block]
    exec(compile(sample, "channels.md", "exec"), names)
    check: Callable[[bytes, str, bytes], bool] = names["genuine"]
    return check


@pytest.fixture
def hook() -> Iterator[Server]:
    with healthy_server() as server:
        yield server


def sent(hook: Server) -> Seen:
    webhook.send(webhook.Settings(hook.url, secret=SECRET), MESSAGE, timeout=5)
    return hook.seen[-1]


def openssl(text: bytes) -> str:
    """HMAC-SHA256 as another program makes it."""
    if shutil.which("openssl") is None:
        lacking("the openssl program")
    argv = ["openssl", "dgst", "-sha256", "-hmac", SECRET]
    return subprocess.run(argv, input=text, capture_output=True, check=True).stdout.split()[-1].decode()


def test_the_signature_covers_the_moment_of_sending(hook: Server) -> None:
    before = int(time.time())
    seen = sent(hook)
    match = re.fullmatch(r"t=(\d{10,}),sha256=([0-9a-f]{64})", seen.headers[HEADER])
    assert match is not None
    assert before <= int(match[1]) <= time.time()
    assert match[2] == openssl(match[1].encode() + b"." + seen.body)
    assert seen.headers["x-heartbeat-signature"] == f"sha256={openssl(seen.body)}", "for one version more"


def test_the_manuals_check_takes_what_is_sent(hook: Server, genuine: Callable[[bytes, str, bytes], bool]) -> None:
    seen = sent(hook)
    assert genuine(seen.body, seen.headers[HEADER], SECRET.encode())


@pytest.mark.parametrize("age", [-400, 301, 86_400])  # the first, in the future, gets nearer while this runs
def test_the_manuals_check_refuses_what_is_old(genuine: Callable[[bytes, str, bytes], bool], age: int) -> None:
    body, moment = b"{}", str(int(time.time()) - age)
    header = f"t={moment},sha256={openssl(moment.encode() + b'.' + body)}"
    assert not genuine(body, header, SECRET.encode())


def test_the_manuals_check_refuses_what_was_changed(hook: Server, genuine: Callable[[bytes, str, bytes], bool]) -> None:
    seen = sent(hook)
    header = seen.headers[HEADER]
    moment, _, digest = header.partition(",")
    later = f"t={int(moment[2:]) + 1},{digest}"
    for body, said in (
        (seen.body + b" ", header),
        (seen.body, later),
        (seen.body, f"{moment},sha256={'0' * 64}"),
        (seen.body, moment),
        (seen.body, ""),
        (seen.body, "t=x,sha256=ü"),
    ):
        assert not genuine(body, said, SECRET.encode())
    assert not genuine(seen.body, header, b"another")
