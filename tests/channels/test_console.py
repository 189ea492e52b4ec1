"""The console channel in a process of its own: what stands on its standard error."""

import subprocess
import sys

import pytest

from heartbeat_cli.channels import console

_SEND = """
import sys
from heartbeat_cli.channels import console
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.errors import DeliveryError
title, text = sys.argv[1:3]
message = Message("i", "agent_down", "high", title, text, "<b>never</b>", "main", 1.0)
try:
    console.send(console.Settings(), message, timeout=5)
except DeliveryError as error:
    print(error, error.retryable)
"""


def sent(title: str, text: str, redirect: str = "") -> tuple[str, str]:
    """Standard output and standard error, `redirect` being a shell's word about the latter."""
    argv = ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, "-c", _SEND, title, text]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout, done.stderr


def test_title_and_text() -> None:
    assert sent("主 is down", "line 1\nline 2") == ("", "主 is down\nline 1\nline 2\n\n")


def test_nothing_steers_the_terminal() -> None:
    out, err = sent("a\nb\x1b]0;title\x07", "x\x1b[31mred\x1b[0m\r\n\u202e\ty")
    assert (out, err) == ("", "a b ]0;title\nx[31mred[0m\n\ty\n\n")


def test_a_megabyte_is_cut() -> None:
    code = _SEND.replace("title, text = sys.argv[1:3]", "title, text = 't' * 1_000_000, 'x' * 1_000_000")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert len(done.stderr) < 21_000
    assert done.stderr.endswith("…\n\n")


@pytest.mark.parametrize(
    ("redirect", "said"),
    [
        ("2>&-", "standard error is closed True\n"),
        ("2>/dev/full", "standard error cannot be written: No space left on device True\n"),
    ],
)
def test_nobody_can_read_it(redirect: str, said: str) -> None:
    assert sent("t", "x", redirect)[0] == said


def test_it_takes_no_keys() -> None:
    assert console.Settings._fields == ()


def test_at_a_terminal_it_is_delivered_and_anywhere_else_only_printed() -> None:
    import os
    import pty
    import subprocess
    import sys

    code = (
        "import sys; from heartbeat_cli.channels import console;"
        "from heartbeat_cli.domain.alerting.delivery import Printed;"
        "from heartbeat_cli.domain.alerting.message import Message;"
        "said = console.send(console.Settings(), Message('i', 't', 'low', 'title', 'x', 'x', 'c', 0.0), timeout=1.0);"
        "print(console.is_read(), isinstance(said, Printed))"
    )
    ours, theirs = pty.openpty()
    for stderr, expected in ((theirs, "True False\n"), (subprocess.DEVNULL, "False True\n")):
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=stderr, text=True, check=True
        )
        assert done.stdout == expected
    os.close(ours)
    os.close(theirs)
