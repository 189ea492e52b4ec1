"""What is valid in a configuration and cannot work as it was meant: a warning with its line, and no mistake."""

import json
import textwrap
from pathlib import Path

import pytest

from heartbeat_cli.config import load, unused, warnings
from heartbeat_cli.domain.text import Text
from heartbeat_cli.i18n.catalogs import translated
from tests.parts.verb import heartbeat

TCP = "[components.x]\nkind = 'tcp'\nhost = 'h'\nport = 1\n"
LLM = "[components.x]\nkind = 'llm'\nurl = 'http://h/v1'\nmodel = 'm'\n"
DB = "[components.x]\nkind = 'database'\ndsn = 'host=/run'\n"
QUEUE = "[components.x]\nkind = 'progress'\ndone = { file = { path = '/x' } }\n"
BUDGET = "[components.x]\nkind = 'budget'\nlimit = 5\nspent = { file = { path = '/x' } }\n"
LOG = "[channels.log]\nkind = 'file'\npath = '/x'\n"


def said(folder: Path, text: str) -> list[str]:
    (folder / "hb.toml").write_text(textwrap.dedent(text).lstrip("\n"))
    config = load.read(folder / "hb.toml")
    return [line.removeprefix(f"{folder}/") for line in warnings.lines(config, warnings.remarks(config))]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            f"{TCP}timeout = 9\ninterval = 5",
            "hb.toml:5: components.x.timeout: warning: a check may take 9 s, and the next one is due after 5 s;"
            " choose a timeout that is shorter than the interval",
        ),
        (f"{TCP}interval = 4", "hb.toml:5: components.x.interval: warning: a check may take 5 s, and the next one"),
        (f"{TCP}timeout = 31", "hb.toml:5: components.x.timeout: warning: a check may take 31 s"),
        (
            f"{TCP}slow_after = 5",
            "hb.toml:5: components.x.slow_after: warning: 5 s is never reached: a check ends at its timeout of 5 s;"
            " choose less than the timeout",
        ),
        (f"{TCP}slow_factor = 2\nslow_floor = 6", "hb.toml:6: components.x.slow_floor: warning: 6 s is never"),
        (f"{TCP}retry_interval = 40", "hb.toml:5: components.x.retry_interval: warning: has no effect: checks are due"),
        (
            f"{TCP}observer = 'web[1-3]'\nquorum = 4",
            "hb.toml:6: components.x.quorum: warning: 4 is never reached: observer = web[1-3] matches 3 hosts at most;"
            " lower it, or let more hosts check it",
        ),
        (
            f"{TCP}recovery = {{ budget = 21 }}",
            "hb.toml:5: components.x.recovery.budget: warning: 21 is never reached: host_budget of [recovery] is 20;"
            " lower it, or raise host_budget",
        ),
        (f"{TCP}[recovery]\nhost_budget = 4", "hb.toml:5: recovery.budget: warning: 5 is never reached"),
        (f"{LLM}canary = true\ntimeout = 5", "hb.toml:1: components.x.first_token_warn: warning: 5 s is never"),
        (
            f"{DB}connections_critical_percent = 90\nconnections_warn_percent = 90",
            "hb.toml:5: components.x.connections_warn_percent: warning: 90 % is",
        ),
        (f"{BUDGET}warn = 100", "hb.toml:5: components.x.warn: warning: 100 % is never reached"),
        (f"{QUEUE}within = 40", "hb.toml:4: components.x.within: warning: must be several times the interval (30 s)"),
        ("[heartbeat]\nping_every = 60", "hb.toml:2: heartbeat.ping_every: warning: has no effect without ping_url"),
        (
            f"[heartbeat]\n{LOG}quiet_hours = '22:00-07:00'\nmin_severity = 'high'",
            "hb.toml:5: channels.log.quiet_hours: warning: have no effect: what waits in them is medium at most, and",
        ),
    ],
)
def test_a_limit_that_is_never_reached(tmp_path: Path, text: str, line: str) -> None:
    (found,) = said(tmp_path, text)
    assert found.startswith(line)
    (remark,) = warnings.remarks(load.read(tmp_path / "hb.toml"))
    for one in (remark.text, remark.advice):
        assert isinstance(one, Text) and translated(one, "zh-HK") != one, "a sentence, for readers of other languages"


@pytest.mark.parametrize(
    "text",
    [
        f"{TCP}timeout = 5\ninterval = 5\nslow_after = 4.9\nretry_interval = 5",
        f"{TCP}slow_floor = 6",  # means nothing without slow_factor
        f"{TCP}observer = 'web[12][ab]'\nquorum = 4",
        f"{TCP}observer = 'web[12]*'\nquorum = 9",
        f"{TCP}observer = 'web[!12]'\nquorum = 9",
        f"{TCP}recovery = {{ budget = 20 }}",
        f"{LLM}canary = false\ntimeout = 4",
        f"{LLM}canary = true\ntimeout = 5.1",
        f"{DB}connections_critical_percent = 90\nconnections_warn_percent = 89",
        f"{BUDGET}warn = 99",
        f"{QUEUE}within = 60",
        f"[heartbeat]\n{LOG}quiet_hours = '22:00-07:00'\nmin_severity = 'medium'",
        "[components.x]\nkind = 'agent'\nurl = 'env:NONE'\ntimeout = 1\nunit = 'u'",
    ],
)
def test_what_is_fine_has_no_warning(tmp_path: Path, text: str) -> None:
    assert said(tmp_path, text) == []


def test_the_example_has_none(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "heartbeat.example.toml").read_text()
    assert said(tmp_path, text) == []


# --- channels --------------------------------------------------------------------------------------------------------

UNHEARD = ": warning: no component notifies it, and no channel falls back on it; name it in channels of a component"


@pytest.mark.parametrize(
    ("component", "log", "more", "unheard"),
    [
        ("", "", "", []),
        ("channels = ['other']", "", "", ["log"]),
        ("channels = ['other', 'log']", "", "", []),
        ("channels = ['other']", "", "[report]\nchannels = ['log']", []),
        ("channels = ['other']", "", "[report]\nchannels = ['other']", ["log"]),
        ("channels = []", "fallback = 'other'", "", ["log", "other"]),
        ("channels = ['log']", "fallback = 'other'", "", []),
        ("", "min_severity = 'severe'", "", ["log"]),
        ("severity = 'severe'", "min_severity = 'severe'", "", []),
        ("", "components = ['y']", "[components.y]\nkind = 'host'\nchannels = ['other']", ["log"]),
        ("", "components = ['tcp']", "", []),
        ("", "escalate_after = 60", "", []),
    ],
)
def test_a_channel_that_no_component_notifies(
    tmp_path: Path, component: str, log: str, more: str, unheard: list[str]
) -> None:
    found = said(tmp_path, f"{TCP}{component}\n[channels.other]\nkind = 'file'\npath = '/y'\n{LOG}{log}\n{more}")
    assert sorted(line.split(": ")[1] for line in found) == [f"channels.{one}" for one in unheard]
    assert all(UNHEARD in line for line in found)


def test_without_components_or_channels_nobody_is_missed(tmp_path: Path) -> None:
    assert said(tmp_path, f"{LOG}[heartbeat]\n") == [] == said(tmp_path, f"{TCP}channels = []")


# --- defaults and include --------------------------------------------------------------------------------------------


def test_defaults_that_no_component_takes(tmp_path: Path) -> None:
    text = """
        [defaults]
        interval = 60
        retries = 2
        fail_threshold = 4
        [defaults.tcp]
        interval = 61
        timeout = 8
        port = 7
        [defaults.host]
        cpu_warn = 50
        [components.x]
        kind = "tcp"
        host = "h"
        timeout = 9
        retries = 0
        [components."y-{n}"]
        kind = "tcp"
        host = "h"
        each = { n = "1..3" }
        port = 3
        timeout = 9
        retries = 0
        """
    assert said(tmp_path, text) == [
        "hb.toml:2: defaults.interval: warning: every component has it itself, or by [defaults] of its kind;"
        " remove it here or there",
        "hb.toml:3: defaults.retries: warning: every component has it itself, or by [defaults] of its kind;"
        " remove it here or there",
        "hb.toml:7: defaults.tcp.timeout: warning: every component of that kind has it itself; remove it here or there",
        "hb.toml:9: defaults.host: warning: no component is of kind host; remove it",
    ]


def test_a_kind_that_a_placeholder_gives_takes_no_defaults_of_a_kind(tmp_path: Path) -> None:
    text = "[defaults]\nretries = 0\n[components.'x-{k}']\nkind = '{k}'\neach = { k = ['host'] }\n"
    assert said(tmp_path, text) == []


def test_a_pattern_that_matches_no_file(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/a.toml").write_text(TCP)
    (tmp_path / "more").mkdir()
    text = "[heartbeat]\ninclude = [\n  'conf.d/*.toml',\n  'more/*.toml',\n]\n"
    assert said(tmp_path, text) == [
        "hb.toml:4: heartbeat.include[1]: warning: more/*.toml matches no file; correct it, or remove it"
    ]


# --- where they are shown --------------------------------------------------------------------------------------------

FIFTY = """
    [heartbeat]
    include = ["none/*.toml"]
    [defaults]
    interval = 5
    [components."w-{n}"]
    kind = "tcp"
    host = "h"
    port = 1
    timeout = 9
    each = { n = "1..50" }
    [components.other]
    kind = "tcp"
    host = "h"
    port = 1
    """
LINES = [
    "hb.toml:9: components.w-{n}.timeout: warning: a check may take 9 s, and the next one is due after 5 s; choose a"
    " timeout that is shorter than the interval (50 components)",
    "hb.toml:2: heartbeat.include[0]: warning: none/*.toml matches no file; correct it, or remove it",
]


def test_what_one_block_does_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert said(tmp_path, FIFTY) == LINES


def test_config_check_prints_them_and_is_content(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "hb.toml").write_text(textwrap.dedent(FIFTY).lstrip())
    ended = heartbeat(tmp_path, "--config", "hb.toml", "config", "check")
    assert (ended.code, ended.out) == (0, "hb.toml: fine: 51 components, 1 channel\n")
    assert ended.err.splitlines() == [f"heartbeat: {line}" for line in LINES]


def test_doctor_shows_them_as_findings(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "hb.toml").write_text(textwrap.dedent(FIFTY).replace('"h"', '"127.0.0.1"').lstrip())
    ended = heartbeat(tmp_path, "--config", "hb.toml", "doctor", "--format", "json")
    found = [one for one in json.loads(ended.out) if (one["topic"], one["level"]) == ("config", "warn")]
    assert found[0]["text"].startswith("hb.toml:9: components.w-{n}.timeout: a check may take 9 s, and the next one")
    assert found[0]["text"].endswith(" (50 components)") and found[1]["advice"] == "correct it, or remove it"
    assert len(found) == 2


def test_without_a_file_the_key_is_named_alone() -> None:
    tables = {"components": {"x": {"kind": "tcp", "host": "h", "port": 1, "timeout": 40}}}
    config = load.load(tables, "f")
    (line,) = warnings.lines(config, warnings.remarks(config))
    assert line.startswith("f: components.x.timeout: warning: a check may take 40 s")
    assert list(unused.defaults(config)) == list(unused.includes(config)) == []
