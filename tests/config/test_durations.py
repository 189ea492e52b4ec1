"""A duration is a number of seconds or text like 30s, in every key that takes one."""

from collections.abc import Iterator
from typing import Any

import pytest

from heartbeat_cli.config import manual
from heartbeat_cli.config.describe import Field
from heartbeat_cli.config.load import load
from heartbeat_cli.errors import ConfigError


def tables(**component: Any) -> dict[str, Any]:
    return {"components": {"web": {"kind": "tcp", "host": "localhost", "port": 80} | component}}


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("2h", 7_200),
        ("1d", 86_400),
        ("1h 30min", 5_400),
        ("250ms", 0.25),
        (" 5 M ", 300),
        (7, 7),
    ],
)
def test_text_stands_for_seconds(written: Any, seconds: float) -> None:
    config = load(tables(interval=written) | {"recovery": {"backoff": written}}, "f")
    assert (config.components["web"].common.interval, config.recovery.backoff) == (seconds, seconds)


@pytest.mark.parametrize("written", ["", "5", "5 parsecs", "-5m", "m", "5m!", True, "1" * 400])
def test_what_is_no_duration_is_named(written: Any) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tables(interval=written), "f")
    assert "components.web.interval" in str(refused.value)


def every_key(fields: Any, where: str) -> Iterator[tuple[str, Field]]:
    for one in fields:
        yield f"{where}.{one.key}", one
        yield from every_key(one.keys, f"{where}.{one.key}")


def test_every_key_in_seconds_is_a_duration() -> None:
    """Also in the kinds: a key whose help begins with `seconds` and takes a mere number was forgotten."""
    found = [one for page in manual.pages() for one in every_key(page.keys, page.kind)]
    forgotten = [key for key, one in found if one.help.startswith("seconds ") and one.expects != "a duration"]
    assert len(found) > 200 and forgotten == []
