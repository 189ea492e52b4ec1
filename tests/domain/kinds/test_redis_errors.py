"""Which kind of failure an error of Redis is."""

import pytest

from heartbeat_cli.domain.kinds.redis_errors import category_of


@pytest.mark.parametrize(
    ("reply", "category"),
    [
        ("-LOADING Redis is loading the dataset in memory\r\n", "starting"),
        ("-OOM command not allowed when used memory > 'maxmemory'.\r\n", "resource"),
        ("-MISCONF Redis is configured to save RDB snapshots, but\r\n", "resource"),
        ("-READONLY You can't write against a read only replica.\r\n", "configuration"),
        ("-NOAUTH Authentication required.\r\n+PONG\r\n", "credentials"),
        ("-NOAUTH", "credentials"),
        ("-ERR unknown command\r\n", None),
        ("-ERR Internal: OOM\r\n", None),
        ("+OK\r\n-OOM too late\r\n", None),
        ("OOM\r\n", None),
        ("-", None),
        ("", None),
    ],
)
def test_the_first_word_decides(reply: str, category: str | None) -> None:
    assert category_of(reply) == category
