"""Few lines for many components: [defaults], each, and include."""

import json
import os
import textwrap
from pathlib import Path

import pytest

from heartbeat_cli.config import load
from heartbeat_cli.config.types import Config
from heartbeat_cli.errors import ConfigError
from tests.parts import scratch, users


def read(folder: Path, text: str, **more: str) -> Config:
    """`more`: further files in conf.d, by name."""
    (folder / "conf.d").mkdir(exist_ok=True)
    for name, content in more.items():
        (folder / "conf.d" / f"{name}.toml").write_text(textwrap.dedent(content))
    path = folder / "hb.toml"
    path.write_text(textwrap.dedent(text))
    return load.read(path)


def wrong(folder: Path, text: str, **more: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read(folder, text, **more)
    return [line.replace(f"{folder}/", "") for line in refused.value.problems]


def test_the_nearest_value_goes_first(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        """
        [defaults]
        interval = "30s"
        timeout = 4
        [defaults.tcp]
        timeout = "6s"
        host = "h.{id}"
        [components.a]
        kind = "tcp"
        port = 1
        [components.b]
        kind = "tcp"
        port = 2
        timeout = 7
        host = "own.{id}"
        [components.c]
        kind = "push"
        period = "1d"
        """,
    )
    a, b, c = config.components.values()
    assert [one.common.interval for one in (a, b, c)] == [30, 30, 30]
    assert [one.common.timeout for one in (a, b, c)] == [6, 7, 4]
    assert (a.settings.host, b.settings.host) == ("h.a", "own.{id}")  # what is its own stands for itself


def test_recovery_has_defaults_too(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        """
        [defaults.agent]
        recovery = "off"
        [components.a]
        kind = "agent"
        url = "http://localhost/"
        """,
    )
    assert config.components["a"].plan.mode == "off"


def each(folder: Path, given: str, **keys: str) -> Config:
    pairs = "\n".join(f"{key} = {value}" for key, value in keys.items())
    return read(folder, f'[components."w-{{n}}"]\nkind = "tcp"\nhost = "h{{n}}"\nport = 80\neach = {given}\n{pairs}\n')


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ('{ n = "1..3" }', ["w-1", "w-2", "w-3"]),
        ('{ n = "08..10" }', ["w-08", "w-09", "w-10"]),
        ('{ n = ["x", 7] }', ["w-x", "w-7"]),
        ('[{ n = "a" }, { n = "b" }]', ["w-a", "w-b"]),
    ],
)
def test_one_block_makes_many(tmp_path: Path, given: str, ids: list[str]) -> None:
    config = each(tmp_path, given, name='"Worker {n} of {id}"')
    assert list(config.components) == ids
    assert [one.settings.host for one in config.components.values()] == [id_.replace("w-", "h") for id_ in ids]
    assert config.components[ids[0]].common.name == f"Worker {ids[0][2:]} of {ids[0]}"


def test_every_value_meets_every_other(tmp_path: Path) -> None:
    text = """
        [components."{a}-{b}"]
        kind = "tcp"
        host = "{a}"
        port = "{b}"
        each = { a = ["x", "y"], b = [80, 81] }
        """
    found = read(tmp_path, text).components
    assert [(id_, one.settings.port) for id_, one in found.items()] == [
        ("x-80", 80), ("x-81", 81), ("y-80", 80), ("y-81", 81)
    ]  # fmt: skip


def test_a_placeholder_stands_anywhere_and_others_stay(tmp_path: Path) -> None:
    text = """
        [components."web-{n}"]
        kind = "agent"
        url = "http://localhost:{port}/{n}"
        body = '{"n": "{n}", "x": "{x}"}'
        method = "POST"
        headers = { X-N = "{n}" }
        each = [{ n = "a", port = 8000 }]
        [[components."web-{n}".recovery.ladder]]
        action = "command"
        command = ["restart", "{n}", "{id}"]
        """
    (one,) = read(tmp_path, text).components.values()
    assert one.settings.url == "http://localhost:8000/a"
    assert one.settings.body == '{"n": "a", "x": "{x}"}'
    assert one.settings.headers == {"X-N": "a"}
    assert one.plan.ladder[0].settings.command == ("restart", "a", "web-a")


def test_the_names_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "fleet.json").write_text(json.dumps([{"n": "a"}, {"n": "b"}]))
    assert list(each(tmp_path, '{ from_file = "fleet.json" }').components) == ["w-a", "w-b"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{}", "expected a table, as in"),
        ("[]", "expected a table, as in"),
        ("7", "expected a table, as in"),
        ('["a"]', "expected a table, as in"),
        ('{ n = "3..1" }', "expected a range of 1 to 10,000 numbers"),
        ('{ n = "1..99999" }', "expected a range of 1 to 10,000 numbers"),
        ('{ n = "1..200", m = "1..200" }', "makes 40,000 components"),
        ('{ n = "a to b" }', 'expected a range as in "1..50"'),
        ("{ n = [['s3cret']] }", "n: expected texts and numbers, got a list"),
        ('{ n = [1], "a b" = [2] }', "cannot be a placeholder"),
        ("{ id = [1] }", "cannot be a placeholder"),
        ('{ m = "1..2" }', 'makes two components "w-{n}"'),
        ("{ from_file = 3 }", "expected the path of a JSON file"),
        ('{ n = ["a b"] }', "an id has 1 to 64"),
    ],
)
def test_what_each_cannot_be(tmp_path: Path, given: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        each(tmp_path, given)
    assert said in str(refused.value) and "Traceback" not in str(refused.value)


def test_two_blocks_do_not_make_the_same_component(tmp_path: Path) -> None:
    text = """
        [components."w-{n}"]
        kind = "tcp"
        host = "h"
        port = 1
        each = { n = "1..2" }
        [components.w-2]
        kind = "tcp"
        host = "h"
        port = 2
        """
    assert wrong(tmp_path, text) == ['hb.toml:2: components.w-{n}: makes a component "w-2", as "w-2" does']


def test_an_id_with_a_placeholder_left_in_it_may_be_made_twice(tmp_path: Path) -> None:
    made = '[components."w-{n}{x}"]\nkind="push"\nperiod=60\neach={ n = [1] }\n'
    found = wrong(tmp_path, made + made.replace("{n}", "{m}").replace("n =", "m ="))
    assert any('makes a component "w-1{x}", as "w-{n}{x}" does' in line for line in found)


def test_a_mistake_written_once_is_said_once_with_its_line(tmp_path: Path) -> None:
    text = """
        [defaults]
        intervall = 3
        [defaults.tcp]
        timeout = "soon"
        [components."w-{n}"]
        kind = "tcp"
        host = "h"
        port = "p"
        each = { n = "1..50" }
        [components.x]
        kind = "tcp"
        host = "h"
        """
    assert wrong(tmp_path, text) == [
        "hb.toml:3: defaults.intervall: unknown: neither a key of every component nor a kind; did you mean interval?",
        'hb.toml:5: defaults.tcp.timeout: expected a number of seconds, or text as in "30s", "5m", "2h", "1d"; got'
        ' "soon" (51 components)',
        'hb.toml:9: components.w-{n}.port: expected a whole number, got "p" (50 components)',
        "hb.toml:11: components.x.port: is required: a whole number",
    ]


@pytest.mark.parametrize(
    ("defaults", "said"),
    [
        ("defaults = 3", "defaults: expected a section, as in [defaults]"),
        ("[defaults]\nkind = 'tcp'", "defaults.kind: unknown: neither a key of every component nor a kind"),
        (
            "[defaults]\ntpc = {}",
            "defaults.tpc: unknown: neither a key of every component nor a kind; did you mean tcp?",
        ),
        ("[defaults]\ntcp = 1", "defaults.tcp: expected a table of keys, without kind and each"),
        ("[defaults.tcp]\neach = 1", "defaults.tcp: expected a table of keys, without kind and each"),
    ],
)
def test_what_defaults_cannot_hold(tmp_path: Path, defaults: str, said: str) -> None:
    assert said in wrong(tmp_path, f"{defaults}\n[components.x]\nkind='tcp'\nhost='h'\nport=1\n")[0]


MAIN = """
    [heartbeat]
    include = ["conf.d/*.toml"]
    [components.main]
    kind = "tcp"
    host = "h"
    port = 1
    depends_on = ["db"]
    """
DB = """
    [components.db]
    kind = "tcp"
    host = "h"
    port = 5432
    """


def test_included_files_are_one_with_it(tmp_path: Path) -> None:
    config = read(tmp_path, MAIN, b=DB, a="[defaults]\ninterval = 9\n[recovery]\nbackoff = '2m'\n")
    assert list(config.components) == ["main", "db"] and config.recovery.backoff == 120
    assert config.components["db"].common.interval == 9
    assert [os.path.basename(file.path) for file in config.files] == ["hb.toml", "a.toml", "b.toml"]


def test_what_stands_in_two_files_names_both(tmp_path: Path) -> None:
    found = wrong(tmp_path, MAIN, a=DB, b=DB + "[recovery]\nbackoff = 1\n", c="[recovery]\nbackoff = 2\n")
    assert found == [
        "conf.d/b.toml:2: components.db: is given twice, also in conf.d/a.toml:2",
        "conf.d/c.toml:1: recovery: is given twice, also in conf.d/b.toml:6",
    ]


def test_a_mistake_in_an_included_file_names_it(tmp_path: Path) -> None:
    assert wrong(tmp_path, MAIN, a=DB.replace("5432", "'x'"))[0].startswith("conf.d/a.toml:5: components.db.port: ")


@pytest.mark.parametrize(
    ("include", "said"),
    [
        ("3", "heartbeat.include: expected a list of paths"),
        ("[3]", "heartbeat.include: expected a list of paths"),
        ('["none.toml"]', "none.toml: cannot be read: No such file"),
        ('["conf.d/bad.toml"]', "conf.d/bad.toml: is not valid TOML"),
        ('["conf.d/[0-9].toml", "away/*.toml"]', "hb.toml:2: heartbeat.include[1]: away: cannot be read: No such file"),
        ('["away/*/x.toml"]', "hb.toml:2: heartbeat.include[0]: away: cannot be read: No such file or directory"),
        ('["conf.d/bad.toml/*"]', "conf.d/bad.toml: cannot be read: Not a directory"),
        ('["loop/*.toml"]', "loop: cannot be read: Too many levels of symbolic links"),
        ('["c*/loop/*.toml"]', "conf.d/loop: cannot be read: Too many levels of symbolic links"),
        ('["conf.d/*/x.toml"]', "conf.d/loop/x.toml: cannot be read: Too many levels of symbolic links"),
        ('["links/*/x.toml"]', "links/mnt/x.toml: cannot be read: No such file or directory"),
        ('["links/*/*"]', "links/mnt: cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_included(tmp_path: Path, include: str, said: str) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/bad.toml").write_text("[")
    for name, target in {"loop": "loop", "conf.d/loop": "loop", "links/mnt": "gone"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(target)
    assert said in wrong(tmp_path, f"[heartbeat]\ninclude = {include}\n")[0]


def test_a_file_includes_itself_and_empty_folders_without_harm(tmp_path: Path) -> None:
    text = MAIN.replace('["conf.d/*.toml"]', '["*.toml", "conf.d/*", "none/*.toml", "conf.d/*/x"]').replace(
        '["db"]', "[]"
    )
    (tmp_path / "none").mkdir()
    assert list(read(tmp_path, text).components) == ["main"]


def test_wildcards_of_include_are_those_of_a_shell(tmp_path: Path) -> None:
    folder = tmp_path / "host[1]*"
    for name in ("a/one.toml", "b/two.toml", "b/.hidden.toml", ".c/three.toml", "d", "e/four.txt", "link"):
        path = folder / "conf.d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to("d") if name == "link" else path.write_text(DB.replace("db", path.stem.strip(".")))
    for pattern, names in {
        "conf.d/*/*.toml": ["one", "two"],
        "conf.d/*/two.toml": ["two"],
        "conf.d/../conf.d/[!a]/t*": ["two"],
        f"{folder.parent}/*/conf.d/.c/*": ["three"],
        "conf.d/*/.h*": ["hidden"],
        "conf.d/**/*": ["one", "two", "four"],
    }.items():
        config = read(folder, f"[heartbeat]\ninclude = [{pattern!r}]\n")
        assert list(config.components) == names, pattern


def test_a_folder_that_may_not_be_listed_is_no_empty_one(tmp_path: Path) -> None:
    """Its components would be unseen, their faults closed, and all the others well."""
    users.need_root()
    scratch.let_others_in(tmp_path)
    (tmp_path / "hb.toml").write_text(textwrap.dedent(MAIN))
    (tmp_path / "conf.d").mkdir(mode=0o700)
    verbs = [
        ["--config", "hb.toml", *verb] for verb in (["run"], ["status", "--format", "nagios"], ["config", "check"])
    ]
    for ended in users.heartbeats(users.NOBODY, tmp_path, verbs):
        where = "hb.toml:3: heartbeat.include[0]"
        assert (ended.code, ended.out) == (2, "")
        assert f"{where}: {tmp_path}/conf.d: cannot be read: Permission denied" in ended.err


def test_only_the_main_file_includes(tmp_path: Path) -> None:
    found = wrong(tmp_path, MAIN, a=DB, b="[heartbeat]\ninclude = ['x']\n")
    assert found == ["conf.d/b.toml:1: heartbeat: is given twice, also in hb.toml:2"]


def test_what_stands_twice_hides_no_other_mistake(tmp_path: Path) -> None:
    found = wrong(tmp_path, MAIN, a=DB, b=DB.replace("components.db", "components.db2").replace("5432", "'x'") + DB)
    assert [line.partition(": ")[2].partition(":")[0] for line in found] == ["components.db", "components.db2.port"]


def test_what_is_put_together_is_no_reference(tmp_path: Path) -> None:
    (tmp_path / "fleet.json").write_text(json.dumps([{"n": "a", "scheme": "file", "path": "/root/secret"}]))
    assert each(tmp_path, '{ from_file = "fleet.json" }', name='"{scheme}:{path}"').unresolved == ()
