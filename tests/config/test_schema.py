"""The JSON Schema of the configuration file: what the loader accepts it accepts, and it refuses what types can tell."""

import json
import re
import tomllib
from datetime import date, time
from functools import cache
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from heartbeat_cli import plugins
from heartbeat_cli.config import load, schema
from heartbeat_cli.config.schema_types import EXACT, keys_of, required_keys
from heartbeat_cli.config.sections import SECTIONS
from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.domain.component import Common
from heartbeat_cli.domain.seconds import PATTERN, as_seconds
from heartbeat_cli.errors import ConfigError
from tests.parts.manual import DOCS, blocks
from tests.parts.verb import heartbeat
from tests.test_example import TEXT, uncommented

if TYPE_CHECKING:
    from jsonschema import Draft7Validator

PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
SNIPPETS = [(page, n) for page in PAGES if page != "reference/settings.md" for n in range(len(blocks(page, "toml")))]


@cache
def validator() -> "Draft7Validator":
    from jsonschema import Draft7Validator  # it reads grammars for more than a second

    return Draft7Validator(schema.build())


def as_json(value: Any) -> Any:
    """TOML's dates and times as editors hand them to a validator."""
    if isinstance(value, dict):
        return {key: as_json(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_json(one) for one in value]
    return value.isoformat() if isinstance(value, date | time) else value


def faults(tables: Any) -> list[str]:
    return sorted(f"{one.json_path}: {one.message}" for one in validator().iter_errors(as_json(tables)))


def of(text: str) -> list[str]:
    return faults(tomllib.loads(text))


def everything() -> dict[str, Any]:
    return tomllib.loads(uncommented(TEXT.splitlines()))


# --- what it accepts -------------------------------------------------------------------------------------------------


def test_it_is_a_schema_of_draft_7() -> None:
    from jsonschema import Draft7Validator

    Draft7Validator.check_schema(schema.build())
    assert schema.build()["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_the_example_fits_as_it_is_and_with_every_key_in_it() -> None:
    assert of(TEXT) == [] and faults(everything()) == []


@pytest.mark.parametrize(("page", "number"), SNIPPETS)
def test_every_block_of_the_manual_fits(page: str, number: int) -> None:
    assert of(blocks(page, "toml")[number]) == []


@pytest.mark.parametrize(
    "text",
    [
        "[components.'w-{n}']\nkind = 'tcp'\nhost = 'h'\nport = '{p}'\ntls = '{t}'\neach = [{ n = 1, p = 1, t = 1 }]",
        "[components.'w-{n}']\nkind = '{k}'\neach = { n = ['a'], k = ['host'] }\ninterval = '{n}s'",
        "[components.'w-{n}']\nkind = 'agent'\neach = { n = '1..3' }\nrecovery = '{n}'\nexpect = '{n}'",
        "[components.'w-{name}']\nkind = 'host'\neach = { from_file = 'f.json' }",
        "[defaults]\nretries = '{n}'\n[defaults.tcp]\nport = '{p}'\n[defaults.host]\ninterval = '1h 30min'",
        "[components.x]\nkind = 'tcp'\n",  # what it needs may stand in [defaults.tcp] of another file
        "[components.x]\nkind = 'agent'\nurl = 'env:URL'\nexpect = 'env:HOW'\ntimeout = 'file:timeout'",
        "[components.x]\nkind = 'host'\nrecovery = { ladder = [{ action = 'script', name = 'a.sh' }] }",
        "[components.x]\nkind = 'docker'\nmatch = { label = 'heartbeat.watch=true', name = 'a*', project = 'p' }",
        "[components.x]\nkind = 'service'\nmatch = { unit = 'a*.service' }",
        "[maintenance.x]\nfrom = 2026-12-24\nuntil = 2026-12-24T22:00:00Z",
        "[channels.t]\nkind = 'telegram'\ntoken = 'file:t'\nchat_id = -100",
        "[channels.t]\nkind = 'telegram'\ntoken = 'file:t'\nchat_id = '-100'",
    ],
)
def test_what_may_stand_in_a_file(text: str) -> None:
    assert of(text) == []


def test_it_has_every_key_of_every_kind_with_its_help() -> None:
    """The kinds that are there, and those that will be: nothing lists them."""
    definitions = schema.build()["definitions"]
    for room, name in (("monitors", "component"), ("channels", "channel"), ("actions", "step")):
        for kind in plugins.kinds(room):
            found = definitions[f"{name}.{kind}"]["properties"]
            for key in keys_of(plugins.load(room, kind).Settings):
                assert found[key].get("description", "").startswith(f"{kind}: ") or "$ref" in found[key], (kind, key)
    assert all(definitions["common"]["properties"][key]["description"] for key in (*Common._fields, "recovery"))
    assert all(definitions["channel.file"]["properties"][key]["description"] for key in ChannelCommon._fields)
    for name, cls in SECTIONS.items():
        assert all(schema.build()["properties"][name]["properties"][key]["description"] for key in keys_of(cls))


def test_defaults_are_those_of_the_program() -> None:
    definitions = schema.build()["definitions"]
    assert definitions["common"]["properties"]["fail_threshold"]["default"] == 3
    assert definitions["component.progress"]["properties"]["within"]["default"] == 600
    assert "default" not in definitions["common"]["properties"]["interval"]
    assert EXACT.ref("common", "interval") == {"$ref": "#/definitions/common/properties/interval"}


# --- what it refuses -------------------------------------------------------------------------------------------------

TCP = "[components.x]\nkind = 'tcp'\nhost = 'h'\nport = 1\n"
AGENT = "[components.x]\nkind = 'agent'\nurl = 'http://h'\n"
STEP = f"{TCP}[[components.x.recovery.ladder]]\n"
BLOCK = "[components.'w-{n}']\nkind = 'tcp'\nhost = 'h'\nport = 1\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[component.x]\nkind = 'host'", "$: Additional properties are not allowed ('component' was unexpected)"),
        ("[heartbeat]\nzone = 'UTC'", "$.heartbeat: Additional properties are not allowed ('zone' was unexpected)"),
        ("[heartbeat]\nstore_timeout = 0", "$.heartbeat.store_timeout: 0 is less than the minimum of 0.1"),
        ("[heartbeat]\ntimezone = ''", "$.heartbeat.timezone: ''"),
        ("[heartbeat]\ninclude = 'a.toml'", "$.heartbeat.include: 'a.toml' is not of type 'array'"),
        ("[recovery]\nmode = 'yes'", "$.recovery.mode: 'yes' is not one of ['off', 'ask', 'on']"),
        ("[recovery]\nbackoff = 'soon'", "$.recovery.backoff: 'soon' does not match"),
        ("[retention]\nmetrics_days = '30'", "$.retention.metrics_days: '30' is not of type 'integer'"),
        ("[dashboard]\npublic = 'env:PUBLIC'", "$.dashboard.public: 'env:PUBLIC' is not of type 'boolean'"),
        ("[components.x]\nhost = 'h'", "$.components.x: 'kind' is a required property"),
        ("[components.x]\nkind = 'tpc'", "$.components.x.kind: 'tpc' is not one of ['agent', "),
        ("components = 3", "$.components: 3 is not of type 'object'"),
        ("[components.'a b']\nkind = 'host'", "$.components: 'a b' does not match"),
        (f"{TCP}hots = 'h'", "$.components.x: Additional properties are not allowed ('hots' was unexpected)"),
        (f"{TCP}url = 'h'", "$.components.x: Additional properties are not allowed ('url' was unexpected)"),
        (TCP.replace("1", "'1'"), "$.components.x.port: '1' is not of type 'integer'"),
        (TCP.replace("1", "'{port}'"), "$.components.x.port: '{port}' is not of type 'integer'"),
        (f"{TCP}timeout = true", "$.components.x.timeout: True is not of type 'number', 'string'"),
        (f"{TCP}retries = 11", "$.components.x.retries: 11 is greater than the maximum of 10"),
        (f"{TCP}severity = 'grave'", "$.components.x.severity: 'grave' is not one of ['low', "),
        (f"{TCP}depends_on = 'db'", "$.components.x.depends_on: 'db' is not of type 'array'"),
        (f"{TCP}recovery = 'maybe'", "$.components.x.recovery: 'maybe' is not one of ['off', 'ask', 'on']"),
        (f"{TCP}recovery = 3", "$.components.x.recovery: 3 is not of type 'object'"),
        (f"{AGENT}expect = 'jsn'", "$.components.x.expect: 'jsn' is not one of ['auto', "),
        (f"{AGENT}checks = [{{ path = 'a', warn = 1 }}]", "$.components.x.checks[0]: 'op' is a required property"),
        (f"{AGENT}headers = {{ a = 1 }}", "$.components.x.headers.a: 1 is not of type 'string'"),
        (f"{STEP}action = 'reboot'", "$.components.x.recovery.ladder[0].action: 'reboot' is not one of ['command', "),
        (f"{STEP}action = 'systemd'", "$.components.x.recovery.ladder[0]: 'unit' is a required property"),
        (f"{STEP}action = 'command'\ncommand = ['a']\ntries = 0", "ladder[0].tries: 0 is less than the minimum of 1"),
        (f"{TCP}recovery = {{ busy = {{}} }}", "recovery.busy: 'command' is a required property"),
        (f"{BLOCK}each = {{ n = '3 to 5' }}", "$.components['w-{n}'].each.n: '3 to 5' does not match"),
        (
            f"{BLOCK}each = {{ id = ['a'] }}",
            "$.components['w-{n}'].each: 'id' should not be valid under {'const': 'id'}",
        ),
        (f"{BLOCK}each = {{ n = '1..2' }}\ntls = 'yes'", "$.components['w-{n}'].tls: 'yes' is not of type 'boolean'"),
        ("[channels.x]\nkind = 'email'\nfrom = 'a@b'\nto = ['c@d']", "$.channels.x: 'host' is a required property"),
        ("[channels.x]\nkind = 'console'\nrate = 0", "$.channels.x.rate: 0 is less than the minimum of 0.01"),
        ("[channels.x]\nkind = 'console'\ninterval = 3", "$.channels.x: Additional properties are not allowed"),
        (f"{TCP}[defaults]\nintervall = 3", "$.defaults: Additional properties are not allowed ('intervall' was"),
        (f"{TCP}[defaults.tcp]\nurl = 'h'", "$.defaults.tcp: Additional properties are not allowed ('url' was"),
        (f"{TCP}[defaults.tcp]\nkind = 'tcp'", "$.defaults.tcp: Additional properties are not allowed ('kind' was"),
        ("[maintenance.x]\nfrom = 1\nuntil = 2026-01-01", "$.maintenance.x.from: 1 is not of type 'string'"),
        ("[maintenance.x]\ncron = '* * * * *'\nduration = 1", "$.maintenance.x.duration: 1 is less than the minimum"),
    ],
)
def test_what_it_refuses_config_check_refuses_too(text: str, said: str) -> None:
    """Each mistake has one line, about the shape that was meant."""
    (line,) = of(text)
    assert said in line
    with pytest.raises(ConfigError):
        load.load(tomllib.loads(text), "f")


# --- against the loader ----------------------------------------------------------------------------------------------

WORDS = ["", "a", "{n}", "{id}", "5m", "on", "env:HB_A", "env:HB_5M", "low", "json", "host", "2xx", "/a"]
SECONDS = [5, 600.5, "5m", "1h 30min", " 5 M ", "env:HB_5M", "{n}", "{n}s", "soon"]
LEAVES = st.one_of(st.sampled_from(WORDS), st.integers(-1, 100), st.floats(0, 9), st.booleans())
TABLES = st.dictionaries(st.sampled_from(["mode", "busy", "url", "ladder", "command", "action"]), LEAVES, max_size=2)
CALLS = [{"url": "http://h"}, {"command": ["a", "{n}"]}, {"url": "http://h", "verify_tls": "{n}"}, {"command": "a"}, {}]
STEPS = [
    {"action": "systemd", "unit": "{id}"},
    {"action": "systemd", "unit": "a", "tries": "{n}", "mends": ["resource"], "hang_kill": "5s"},
    {"action": "script", "name": "a.sh", "folder": "/a"},
    {"action": "script", "name": "a.sh"},
    {"action": "docker", "container": "a", "do": "{n}"},
    {"action": "http", "url": "http://h", "method": "env:HB_A"},
    {"action": "{n}", "unit": "a"},
]
RECOVERY = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["on", "ask", "{n}", "env:HB_A"]),
        "ladder": st.lists(st.sampled_from(STEPS), max_size=2),
        "busy": st.sampled_from(CALLS),
        "drain": st.sampled_from(CALLS),
        "backoff": st.sampled_from(SECONDS),
        "budget": st.sampled_from([1, "{n}", 2.5]),
    },
)
EACH = st.sampled_from(
    [{"n": "1..2"}, {"n": ["a", "5m"]}, {"n": [1, 2.5]}, [{"n": True}], [{"n": "on"}], [{"n": "systemd"}], {}, [{}]]
)
KINDS = {table["kind"]: table for table in everything()["components"].values() if "each" not in table}


def of_type(kind: Any) -> st.SearchStrategy[Any]:
    """Values that are mostly right for a key of that type."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return st.one_of([of_type(arg) for arg in args if arg is not type(None)])
    if origin is Annotated:
        return st.sampled_from(SECONDS)
    if origin is Literal:
        return st.sampled_from([*args, "{n}", "env:HB_A", "other"])
    if origin is tuple:
        return st.lists(of_type(args[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(st.sampled_from(["a", "b"]), of_type(args[1]), max_size=2)
    if hasattr(kind, "_fields"):
        needed = {key: of_type(kind.__annotations__[key]) for key in required_keys(kind)}
        return st.fixed_dictionaries(needed, optional={"path": st.just("a"), "warn": LEAVES, "command": st.just(["a"])})
    one = {bool: st.booleans(), int: st.integers(1, 90), float: st.floats(1, 90), str: st.sampled_from(WORDS)}
    return st.one_of(one.get(kind, LEAVES), one.get(kind, LEAVES), st.just("{n}"))


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """A component of the example with a key or two of its kind, or of every kind, written otherwise; keys that it lacks
    may stand in [defaults]. (What no component takes from there the loader does not read, and the schema does.)"""
    kind = draw(st.sampled_from(sorted(KINDS)))
    table = {key: value for key, value in KINDS[kind].items() if key not in ("depends_on", "channels")}
    types = {**plugins.load("monitors", kind).Settings.__annotations__, **Common.__annotations__}
    values = {key: st.one_of(of_type(one), of_type(one), LEAVES, TABLES) for key, one in types.items()}
    values["recovery"] = st.one_of(RECOVERY, RECOVERY, LEAVES, TABLES)
    found, id_ = dict[str, Any](), "x"
    if draw(st.booleans()):
        table["each"], id_ = draw(EACH), "x-{n}"
    for key in draw(st.lists(st.sampled_from(sorted(values)), max_size=2)):
        table[key] = draw(values[key])
    if draw(st.booleans()):
        of_kind = draw(st.booleans())
        free = [key for key in values if key not in table and (of_kind or key in (*Common._fields, "recovery"))]
        usual = {key: draw(values[key]) for key in draw(st.lists(st.sampled_from(free), max_size=1))}
        found["defaults"] = {kind: usual} if of_kind else usual
    return found | {"components": {id_: table}}


@pytest.mark.whole
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables=files())
@example(tables={"components": {"x-{n}": {"kind": "tcp", "host": "h", "port": "{n}", "each": {"n": [1, 2]}}}})
def test_what_the_loader_accepts_it_accepts(tables: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HB_A", "json")
        patch.setenv("HB_5M", "5m")
        try:
            found = load.load(tables, "f")
        except ConfigError:
            return
    assert found.unresolved or faults(tables) == []


PIECES = st.lists(st.sampled_from(["5", "1.5", " ", "m", "s", "min", "MS", "h", "d", "D", "x", ".", "\n"]), max_size=7)


@given(PIECES.map("".join))
def test_a_duration_is_what_the_loader_reads_as_one(text: str) -> None:
    try:
        read = as_seconds(text) >= 0
    except ValueError:
        read = False
    assert bool(re.fullmatch(PATTERN, text, re.ASCII)) == read


# --- what is printed and shipped -------------------------------------------------------------------------------------


def test_the_command_prints_it_without_a_configuration(tmp_path: Path) -> None:
    ended = heartbeat(tmp_path, "--config", "none.toml", "config", "schema")
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out) == schema.build()


def test_the_shipped_file_is_what_the_program_says_today() -> None:
    """`make reference` writes it."""
    assert (DOCS / "reference/heartbeat.schema.json").read_text() == schema.text() + "\n"
