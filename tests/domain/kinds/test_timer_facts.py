"""What another user's process answers to root is taken as it was meant, or not at all."""

import json
from typing import Any

import pytest

from heartbeat_cli.domain.kinds.timer_facts import Facts, as_json, from_json
from heartbeat_cli.domain.needs import Needs

FACTS = Facts(
    config="/etc/heartbeat/heartbeat.toml",
    every=15,
    limit=312.5,
    needs=Needs(programs=True, writes=("/", "/var/www/a b")),
    state="/var/lib/heartbeat/.local/state/heartbeat",
    own_state_dir=False,
    own_timezone=True,
    variables=("TOKEN",),
    locale="zh-HK",
)


@pytest.mark.parametrize("facts", [FACTS, FACTS._replace(config=None, needs=Needs(), variables=())])
def test_facts_come_through(facts: Facts) -> None:
    assert from_json(as_json(facts)) == facts


def test_no_more_variables_are_told_than_a_person_would_read() -> None:
    found = from_json(as_json(FACTS._replace(variables=("A\nB" + "C" * 500,) * 500)))
    assert len(found.variables) == 100
    assert all(len(one) == 200 and one.startswith("A B") for one in found.variables)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", "1" * 5_000, "[" * 90_000, '{"config": null', json.dumps({"state": "/x"})]
)
def test_what_is_no_answer_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        from_json(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("more", 1),
        ("config", 1),
        *(("every", value) for value in (0, 7, 61, True, 30.0, "30", None)),
        *(("limit", value) for value in (60, -1.0, 1e300, float("nan"), float("inf"), "60")),
        *(("state", value) for value in ("", "x", "~/x", "/x/../y", "/x/./y", "/x//y", "/x/", 1, None, ["/x"])),
        *(("state", f"/x{sign}y") for sign in "\n\r\0\\\x1b\u2028\u202e\ud800"),
        ("state", f"/{'x' * 4_096}"),
        *(("own_state_dir", value) for value in (0, 1, "true", None)),
        ("own_timezone", 1),
        *(("variables", value) for value in ("A", {"A": 1}, [1], ["A" * 201], ["A\nB"], ["A"] * 1_001)),
        *(("locale", value) for value in (None, 1, "a" * 201)),
        ("needs", None),
        *(("needs", {**Needs()._asdict(), **wrong}) for wrong in ({"programs": 1}, {"more": True}, {"devices": None})),
        *(
            ("needs", {**Needs()._asdict(), "writes": wrong})
            for wrong in ("/x", ["x"], ["/x\n"], [None], ["/x"] * 1_001)
        ),
    ],
)
def test_what_no_heartbeat_answers_is_refused(key: str, value: Any) -> None:
    answer = {**json.loads(as_json(FACTS)), key: value}
    with pytest.raises(ValueError):
        from_json(json.dumps(answer))
