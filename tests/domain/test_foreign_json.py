"""JSON from outside: a value within limits, or one kind of refusal."""

import json

import pytest

from heartbeat_cli.domain import foreign_json


@pytest.mark.parametrize("text", ['{"a": [1, 2.5, null, true, "x"]}', "3", '"[[[["', "[" * 100 + "]" * 100])
def test_ordinary_json(text: str) -> None:
    assert foreign_json.parse(text) == foreign_json.parse(text.encode()) == json.loads(text)


def test_width_is_no_depth() -> None:
    assert foreign_json.parse(json.dumps([[], {}] * 5_000)) == [[], {}] * 5_000


@pytest.mark.parametrize("depth", [101, 500, 1_000, 5_000, 100_000])
@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_nesting_without_end_is_refused(depth: int, opens: str, closes: str) -> None:
    text = opens * depth + "1" + closes * depth
    for given in (text, text.encode()):
        with pytest.raises(foreign_json.NotJson, match=r"^is nested too deeply$"):
            foreign_json.parse(given)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not JSON: Expecting value"),
        ("{", "is not JSON: Expecting property name enclosed in double quotes"),
        ("[1] x", "is not JSON: Extra data"),
        ("9" * 5_000, "is not JSON: Exceeds the limit (4300 digits) for integer string conversion"),
        (b"\xff\xfe\xfd", "is not JSON: 'utf-16-le' codec can't decode byte"),
    ],
)
def test_what_is_no_json(text: str | bytes, why: str) -> None:
    with pytest.raises(foreign_json.NotJson) as raised:
        foreign_json.parse(text)
    assert str(raised.value).startswith(why)
