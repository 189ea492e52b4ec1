"""Typed settings out of tables: what fits, what `env:` and `file:` give, and that no secret shows in a mistake."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple

import pytest

from heartbeat_cli.config import describe, problems, settings
from heartbeat_cli.config.problems import Problems

SECRET = "hunter2-" + "x" * 80


class Inner(NamedTuple):
    """A table within the table.

    op: one of two
    limit: a number, true or false, or a text
    password: a secret
    """

    op: Literal["<", ">"]
    limit: float | bool | str | None = None
    password: str | None = None


class Everything(NamedTuple):
    """Keys of every type.

    text: a text
    number: a number,
        explained on two lines
    count: a whole number
    flag: on or off
    word: one of two
    maybe: a text or nothing
    limit: a number or nothing
    many: a list
    ports: whole numbers
    table: a table
    rates: a table of numbers
    from: a key that is no name
    inner: a table
    inners: a list of tables
    """

    text: str = "t"
    number: float = 1.5
    count: int = 2
    flag: bool = False
    word: Literal["red", "blue"] = "red"
    maybe: str | None = None
    limit: float | None = None
    many: tuple[str, ...] = ()
    ports: tuple[int, ...] = (80,)
    table: dict[str, str] = {}  # noqa: RUF012 - never changed
    rates: dict[str, float] = {}  # noqa: RUF012 - never changed
    from_: str = "x"
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()


def built(table: dict[str, Any], folder: Path | None = None) -> tuple[Any, Problems]:
    problems = Problems("f", folder)
    return settings.build(Everything, table, "s", problems), problems


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ({"text": ""}, "text", ""),
        ({"number": 3}, "number", 3.0),
        ({"limit": 3}, "limit", 3.0),
        ({"maybe": "m"}, "maybe", "m"),
        ({"word": "blue"}, "word", "blue"),
        ({"many": ["a", "b"]}, "many", ("a", "b")),
        ({"ports": [1, 2]}, "ports", (1, 2)),
        ({"table": {"a": "b"}}, "table", {"a": "b"}),
        ({"rates": {"a": 1}}, "rates", {"a": 1.0}),
        ({"from": "me"}, "from_", "me"),
        ({}, "ports", (80,)),
        ({"inner": {"op": "<"}}, "inner", Inner("<")),
        ({"inners": [{"op": "<", "limit": 1}, {"op": ">"}]}, "inners", (Inner("<", 1.0), Inner(">"))),
        ({"inners": [{"op": "<", "limit": True}]}, "inners", (Inner("<", True),)),
        ({"inners": [{"op": "<", "limit": "1"}]}, "inners", (Inner("<", "1"),)),
    ],
)
def test_what_fits(table: dict[str, Any], key: str, value: object) -> None:
    found, problems = built(table)
    assert (problems.lines, problems.unresolved) == ([], [])
    assert (getattr(found, key), type(getattr(found, key))) == (value, type(value))


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({"text": 1}, "f: s.text: expected a string, got 1"),
        ({"text": ["a"]}, 'f: s.text: expected a string, got ["a"]'),
        ({"text": {"a": True}}, "f: s.text: expected a string, got {a = true}"),
        ({"text": "a\0b"}, "f: s.text: holds a NUL character, which nothing can use"),
        ({"number": "1"}, 'f: s.number: expected a number, got "1"'),
        ({"number": True}, "f: s.number: expected a number, got true"),
        ({"number": float("nan")}, "f: s.number: expected an ordinary number, got nan"),
        ({"number": float("-inf")}, "f: s.number: expected an ordinary number, got -inf"),
        ({"number": 10**16}, "f: s.number: expected an ordinary number, got 10000000000000000"),
        ({"limit": 10**16}, "f: s.limit: expected an ordinary number, got 10000000000000000"),
        ({"limit": False}, "f: s.limit: expected a number, got false"),
        ({"count": 1.0}, "f: s.count: expected a whole number, got 1.0"),
        ({"count": True}, "f: s.count: expected a whole number, got true"),
        ({"flag": 1}, "f: s.flag: expected true or false, got 1"),
        ({"flag": "true"}, 'f: s.flag: expected true or false, got "true"'),
        ({"word": "blu"}, 'f: s.word: expected one of red, blue, got "blu"; did you mean blue?'),
        ({"word": ["red"]}, 'f: s.word: expected one of red, blue, got ["red"]'),
        ({"maybe": 1}, "f: s.maybe: expected a string, got 1"),
        ({"many": "a"}, 'f: s.many: expected a list, a string each, got "a"'),
        ({"many": ["a", 2]}, "f: s.many[1]: expected a string, got 2"),
        ({"ports": [True]}, "f: s.ports[0]: expected a whole number, got true"),
        ({"table": ["a"]}, 'f: s.table: expected a table, a string each, got ["a"]'),
        ({"table": {"a": 1}}, "f: s.table.a: expected a string, got 1"),
        ({"rates": {"a": "1"}}, 'f: s.rates.a: expected a number, got "1"'),
        ({"inner": 1}, "f: s.inner: expected a table, got 1"),
        ({"inner": {}}, "f: s.inner.op: is required: one of <, >"),
        ({"inners": {"op": "<"}}, 'f: s.inners: expected a list, a table each, got {op = "<"}'),
        ({"inners": ["x"]}, 'f: s.inners[0]: expected a table, got "x"'),
        ({"inners": [{"op": "<"}, {"op": "="}]}, 'f: s.inners[1].op: expected one of <, >, got "="'),
        ({"inners": [{"op": "<", "limits": 1}]}, "f: s.inners[0].limits: unknown key; did you mean limit?"),
        ({"form": "x"}, "f: s.form: unknown key; did you mean from?"),
        ({"text": 1, "number": "1"}, "f: s.text: expected a string, got 1"),
        ({"a\nf: s.b": 1}, "f: s.a f: s.b: unknown key"),
    ],
)
def test_what_does_not(table: dict[str, Any], line: str) -> None:
    found, problems = built(table)
    assert found is None
    assert problems.lines[0].startswith(line)
    assert len(problems.lines) == len(table)


# --- references --------------------------------------------------------------------------------------------------


def test_references_are_resolved_wherever_a_string_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HB_VALUE", "from the world")
    (tmp_path / "file").write_text("  from a file\n\n")
    found, problems = built(
        {"text": "env:HB_VALUE", "many": ["a", "file:file"], "table": {"k": "env:HB_VALUE"}, "maybe": "file:file"},
        tmp_path,
    )
    assert problems.lines == problems.unresolved == []
    assert (found.text, found.many, found.table) == ("from the world", ("a", "from a file"), {"k": "from the world"})
    assert found.maybe == "from a file"
    assert problems.secrets == {"from the world", "from a file"}


def test_a_reference_is_followed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HB_VALUE", "env:PATH")
    assert built({"text": "env:HB_VALUE"})[0].text == "env:PATH"


def test_files_below_the_home_and_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "file").write_text("x")
    elsewhere = Path("/nowhere")
    assert built({"text": "file:~/file"}, elsewhere)[0].text == "x"
    assert built({"text": f"file:{tmp_path}/file"}, elsewhere)[0].text == "x"


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("env:HB_NONE", "environment variable HB_NONE is not set (cron starts with almost none)"),
        ("env:", "environment variable (no name) is not set (cron starts with almost none)"),
        ("env:HB_EMPTY", "environment variable HB_EMPTY is empty"),
        ("env:HB_BYTES", "environment variable HB_BYTES is not UTF-8 text"),
        ("file:none", "cannot read none: No such file or directory"),
        ("file:", "cannot read (no path): No such file or directory"),
        ("file:.", "cannot read .: Is a directory"),
        ("file:empty", "cannot read empty: is empty"),
        ("file:bytes", "cannot read bytes: is not UTF-8 text"),
        ("file:big", "cannot read big: is larger than 64 KiB"),
        ("file:fifo", "cannot read fifo: is not a regular file"),
        ("file:/dev/zero", "cannot read /dev/zero: is not a regular file"),
        ("file:empty/x", "cannot read empty/x: Not a directory"),
        ("file:a\0b", "cannot read a b: is not UTF-8 text"),
        ("file:" + "x" * 300, f"cannot read {'x' * 300}: File name too long"),
    ],
)
def test_a_reference_that_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, why: str
) -> None:
    """Nobody waits for a pipe, nobody reads a device: a line says why, and it is no mistake of the file."""
    monkeypatch.delenv("HB_NONE", raising=False)
    monkeypatch.setenv("HB_EMPTY", " ")
    monkeypatch.setitem(os.environb, b"HB_BYTES", b"\xff\xfe")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff")
    (tmp_path / "big").write_text("x" * 65_537)
    os.mkfifo(tmp_path / "fifo")
    found, problems = built({"text": reference}, tmp_path)
    assert (problems.lines, problems.unresolved) == ([], [f"f: s.text: {why}"])
    assert found.text == reference


# --- secrets -----------------------------------------------------------------------------------------------------


def test_what_counts_as_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HB_VALUE", "postgresql://u:inside@h/db")
    found = built(
        {
            "text": "env:HB_VALUE",
            "maybe": "http://me:in-a-url@h/",
            "table": {"X-Api-Key": "k1", "Authorization": "k2", "Cookie": "k3", "Accept": "plain"},
            "many": ["plain, too"],
        }
    )[1]
    assert found.secrets == {"postgresql://u:inside@h/db", "inside", "in-a-url", "k1", "k2", "k3"}


class Named(NamedTuple):
    observer: str
    depends_on: tuple[str, ...]
    env: dict[str, str]


def test_a_name_is_no_secret_wherever_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be blotted out of every message, and out of ids that hold it."""
    monkeypatch.setenv("HB_VALUE", "web1")
    monkeypatch.setenv("HB_SECRET", SECRET)
    problems = Problems("f")
    table = {"observer": "env:HB_VALUE", "depends_on": ["env:HB_VALUE"], "env": {"observer": "env:HB_SECRET"}}
    assert settings.build(Named, table, "s", problems) == ("web1", ("web1",), {"observer": SECRET})
    assert problems.secrets == {SECRET}, "a variable may be called what it likes"


@pytest.mark.parametrize("secret", [SECRET, "hunter2-'\"\\\n\té" + "y" * 80, "hunter2-s"])
@pytest.mark.parametrize("key", ["number", "count", "flag", "word", "limit", "many"])
def test_no_mistake_shows_a_secret(monkeypatch: pytest.MonkeyPatch, secret: str, key: str) -> None:
    monkeypatch.setenv("HB_SECRET", secret)
    _, problems = built({key: "env:HB_SECRET"})
    (line,) = problems.lines
    assert "hunter2" not in line
    assert line.endswith('got "env:HB_SECRET"')


@pytest.mark.parametrize("secret", [SECRET, "hunter2-'\"\\\n\té" + "y" * 80, "hunter2-s"])
def test_what_a_kind_says_shows_none_either(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("HB_SECRET", secret)
    problems = Problems("f")
    module = SimpleNamespace(
        Settings=Everything,
        problems=lambda made: [("text", f"no good: {made.text}"), ("", f"cut: {made.text!r:.50} and {made.text[:30]}")],
    )
    made, broken = settings.build_kind(module, {"text": "env:HB_SECRET"}, "s", problems)
    assert (made.text, broken) == (secret, None)
    assert problems.lines[0].startswith("f: s.text: no good: •••")
    assert problems.lines[1].startswith(("f: s: cut: '•••", "f: s: what env:HB_SECRET gives cannot be used here"))
    assert "hunter2" not in "".join(problems.lines)


def test_a_kind_does_not_judge_what_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HB_NONE", raising=False)
    problems = Problems("f")
    module = SimpleNamespace(Settings=Everything, problems=lambda made: [("text", "no good")])
    made, broken = settings.build_kind(module, {"text": "env:HB_NONE"}, "s", problems)
    assert broken == "f: s.text: environment variable HB_NONE is not set (cron starts with almost none)"
    assert (problems.lines, made.text) == ([], "env:HB_NONE")


# --- help --------------------------------------------------------------------------------------------------------


def test_a_class_describes_itself() -> None:
    found = {field.key: field for field in describe.describe(Everything)}
    assert found["number"][:4] == ("number", "a number", "1.5", "a number, explained on two lines")
    assert found["ports"][1:3] == ("a list, a whole number each", "[80]")
    assert found["word"][1:3] == ("one of red, blue", '"red"')
    assert found["maybe"][1:3] == ("a string", "unset")
    assert found["from"].default == '"x"'
    assert all(field.help for field in found.values())


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("docekr", ["docker", "host"], "; did you mean docker?"),
        ("zzz", ["docker", "host"], "; known: docker, host"),
        ("zzz", [], ""),
        ("zzz", [str(n) for n in range(21)], ""),
        ("x" * 1_000_000, ["docker"], "; known: docker"),
    ],
)
def test_the_nearest_name(word: str, known: list[str], said: str) -> None:
    assert problems.suggestion(word, known) == said


def test_a_table_in_a_list_keeps_its_secrets() -> None:
    found, problems = built({"inners": [{"op": "<", "password": "hunter2"}]})
    assert found.inners[0].password == "hunter2" and problems.secrets == {"hunter2"}


def test_the_keys_of_inner_tables_are_described() -> None:
    fields = {field.key: field for field in describe.describe(Everything)}
    assert (fields["inner"].expects, fields["inners"].expects) == ("a table", "a list, a table each")
    for name in ("inner", "inners"):
        assert [(one.key, one.default, one.help) for one in fields[name].keys] == [
            ("op", None, "one of two"),
            ("limit", "unset", "a number, true or false, or a text"),
            ("password", "unset", "a secret"),
        ]
    assert fields["text"].keys == ()


def test_a_table_of_any_values_is_taken_as_it_is_but_for_references(monkeypatch: pytest.MonkeyPatch) -> None:
    class Call(NamedTuple):
        """arguments: whatever there is"""

        arguments: dict[str, Any] = {}  # noqa: RUF012

    monkeypatch.setenv("HB_HIDDEN", "hush-hush")
    problems = Problems("f")
    table = {"arguments": {"a": [1, 2.5, True, {"b": "env:HB_HIDDEN"}], "token": "hunter22"}}
    made = settings.build(Call, table, "call", problems)
    assert made.arguments == {"a": (1, 2.5, True, {"b": "hush-hush"}), "token": "hunter22"}
    assert problems.lines == [] and problems.secrets == {"hush-hush", "hunter22"}
    assert describe.describe(Call)[0].expects == "a table"
