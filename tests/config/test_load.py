"""Bad configurations, one row each, with every line they give; and what is found where."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from heartbeat_cli import plugins
from heartbeat_cli.actions import command, http
from heartbeat_cli.config import load as config
from heartbeat_cli.config import sections, types
from heartbeat_cli.domain.component import Guard, Step
from heartbeat_cli.errors import ConfigError, HeartbeatError, UsageError
from tests.parts import lacking
from tests.parts.verb import heartbeat

AGENT = '[components.main]\nkind = "agent"\nurl = "http://localhost:8000/health"\n'
PUSH = '[components.{}]\nkind = "push"\nperiod = 60\n'
ID_RULE = "an id has 1 to 64 letters, digits, dots, dashes or underscores, and starts with a letter or digit"
MONITORS = ", ".join(plugins.kinds("monitors"))
ACTIONS = ", ".join(plugins.kinds("actions"))
ONE_LINE = "expected some text on one line"
OWN = "components.main.recovery"
RUNG = "components.main.recovery.ladder[0]"
ZONES = "(as in Asia/Hong_Kong, UTC)"
PORTS = "a port is a number up to 65,535, one for all hosts or one for each, as in a:5432,b:5433"
AND_COMMON = "and those of `heartbeat kinds common`"
CRON = "maintenance.m.cron:"
STEP = "expected a step as in */15"
_DURATION = 'expected a number of seconds, or text as in "30s", "5m", "2h", "1d"; got'
CODE = "expected 200, 2xx or 200-299"
TOKEN = "expected a bot's token, digits:letters, as @BotFather gave it"
CHAT = 'expected a number such as "-1001234567890", or "@name" of a public channel'
STORE_URL = "is not a PostgreSQL URL: in a password, write @ as %40, / as %2F, : as %3A and % as %25"


def load(text: str, folder: Path | None = None) -> config.Config:
    return config.load(tomllib.loads(text), "hb.toml", folder)


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(text)
    return raised.value.problems


def guarded(keys: str) -> str:
    return f"{AGENT}[components.main.recovery]\n{keys}\n"


def ladder(rungs: str, also: str = "") -> str:
    return f"{also}{AGENT}[components.main.recovery]\nladder = {rungs}\n"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        # sections
        ("[hartbeat]\n", ["hartbeat: unknown section; did you mean heartbeat?"]),
        ("heartbeat = 3\n", ["heartbeat: expected a section, as in [heartbeat]"]),
        ("components = []\n", ["components: expected a section, as in [components]"]),
        ("[[channels]]\n", ["channels: expected a section, as in [channels]"]),
        ("[components]\nmain = 1\n", ["components.main: expected a section, as in [components.main]"]),
        # keys and types
        ("[heartbeat]\nlocal = 'en'\n", ["heartbeat.local: unknown key; did you mean locale?"]),
        ("[heartbeat]\nlocale = 'de'\n", ['heartbeat.locale: expected one of en, zh-CN, zh-HK, got "de"']),
        (
            "[heartbeat]\nlocale = 'zh-TW'\n",
            ['heartbeat.locale: expected one of en, zh-CN, zh-HK, got "zh-TW"; did you mean zh-HK?'],
        ),
        ("[heartbeat]\nlocale = 1\n", ["heartbeat.locale: expected a string, got 1"]),
        (
            "[heartbeat]\nstrategy = 'agressive'\n",
            ['heartbeat.strategy: unknown strategy "agressive"; did you mean aggressive?'],
        ),
        ("[heartbeat]\nstore_timeout = '3'\n", [f'heartbeat.store_timeout: {_DURATION} "3"']),
        ("[heartbeat]\nstore_timeout = true\n", [f"heartbeat.store_timeout: {_DURATION} true"]),
        ("[heartbeat]\nreopen_within = -1\n", ["heartbeat.reopen_within: expected 0 to 3,600, got -1"]),
        ("[heartbeat]\nreopen_within = 3601\n", ["heartbeat.reopen_within: expected 0 to 3,600, got 3,601"]),
        ("[heartbeat]\nreopen_within = '5 moons'\n", [f'heartbeat.reopen_within: {_DURATION} "5 moons"']),
        ("[heartbeat]\nstore_timeout = 0\n", ["heartbeat.store_timeout: expected 0.1 to 600, got 0"]),
        ("[heartbeat]\nstore_timeout = nan\n", ["heartbeat.store_timeout: expected an ordinary number, got nan"]),
        ("[heartbeat]\nobserver = ''\n", ["heartbeat.observer: expected some text on one line"]),
        ("[heartbeat]\nstate_dir = ' '\n", ["heartbeat.state_dir: expected some text on one line"]),
        ('[heartbeat]\nobserver = "a\\u001b[31m"\n', ["heartbeat.observer: expected some text on one line"]),
        (
            '[heartbeat]\nstate_dir = "a\\u0000"\n',
            ["heartbeat.state_dir: holds a NUL character, which nothing can use"],
        ),
        ("[retention]\nheartbeats_days = -1\n", ["retention.heartbeats_days: expected 1 to 36,500, got -1"]),
        ("[retention]\nmetrics_days = 1.5\n", ["retention.metrics_days: expected a whole number, got 1.5"]),
        (
            f"[retention]\nincidents_days = {10**30}\n",
            [f"retention.incidents_days: expected an ordinary number, got {10**30}"],
        ),
        (
            f"[recovery]\ntimeout = {10**400}\n",
            ["recovery.timeout: expected an ordinary number, got 1" + "0" * 58 + "…"],
        ),
        ("[recovery]\nverify_wait = -1\n", ["recovery.verify_wait: expected 0 to 600, got -1"]),
        ("[recovery]\nmode = 'ON'\n", ['recovery.mode: expected one of off, ask, on, got "ON"']),
        ("[report]\ntarget = 101\n", ["report.target: expected 0 to 100, got 101"]),
        ("[report]\nchannels = 'tg'\n", ['report.channels: expected a list, a string each, got "tg"']),
        ("[report]\nchannels = ['tg']\n", ['report.channels: no channel "tg"; known: console']),
        ("[report]\nchannels = [1]\n", ["report.channels[0]: expected a string, got 1"]),
        ("[dashboard]\ntitle = 2020-01-01\n", ["dashboard.title: expected a string, got 2020-01-01"]),
        # the store and the zone
        (
            "[heartbeat]\nstore = ''\n",
            [f"heartbeat.store: {ONE_LINE}", "heartbeat.store: expected postgresql://… or sqlite:///path"],
        ),
        ("[heartbeat]\nstore = 'mysql://x/y'\n", ["heartbeat.store: expected postgresql://… or sqlite:///path"]),
        ("[heartbeat]\nstore = 'sqlite:///'\n", ["heartbeat.store: sqlite:/// wants the path of a file"]),
        ("[heartbeat]\nstore = 'postgresql://u:p@ss@h/db'\n", [f"heartbeat.store: {STORE_URL}"]),
        ("[heartbeat]\nstore = 'postgresql://u:p%zz@h/db'\n", [f"heartbeat.store: {STORE_URL}"]),
        ("[heartbeat]\nstore = 'postgresql://h/db?nonsense=1'\n", [f"heartbeat.store: {STORE_URL}"]),
        *[
            (f"[heartbeat]\nstore = 'postgresql://u@{hosts}'\n", [f"heartbeat.store: cannot be read: {PORTS}"])
            for hosts in ("a,b:x/db", "h:5432x/db", "h:0/db", "h:99999/db", "/db?host=a,b&port=1,2,3")
        ],
        ("[heartbeat]\nstore = 'postgresql://u:hunter2/w@h/db'\n", [f"heartbeat.store: {STORE_URL}"]),
        *[
            (f"[heartbeat]\ntimezone = '{name}'\n", [f'heartbeat.timezone: no such time zone: "{name}" {ZONES}'])
            for name in ("Mars/Olympus", "Asia", "../../etc/passwd", "tzdata.zi", "/etc/localtime")
        ],
        # numbers that only look like some
        *[
            (
                f"[heartbeat]\nreference = ['{address}']\n",
                [f"heartbeat.reference: expected host:port, as in 9.9.9.9:53; got {told}"],
            )
            for address, told in (
                *((one, f'"{one}"') for one in ("9.9.9.9", ":53")),
                *(
                    (f"9.9.9.9:{port}", f'"9.9.9.9:{port}"')
                    for port in ("", "0", "65536", "-1", "²", "٥٣", "５３", "5_3", "+53")
                ),
                ("9.9.9.9:" + "5" * 5_000, '"9.9.9.9:' + "5" * 50 + "…"),
            )
        ],
        *[
            (f"[heartbeat]\nstore = 'postgresql://u@h:{port}/d'\n", [f"heartbeat.store: cannot be read: {PORTS}"])
            for port in ("²", "٥٤٣٢", "5" * 5_000)
        ],
        *[
            (
                f"[maintenance.m]\ncron = '*/{step} * * * *'\nduration = 60\n",
                [f"{CRON} \"*/{step} * * * *\": minute: '*/{step}': {STEP}"],
            )
            for step in ("²", "٣", "0", "1" * 30)
        ],
        (
            "[maintenance.m]\ncron = '² * * * *'\nduration = 60\n",
            [f"{CRON} \"² * * * *\": minute: expected 0 to 59, got '²'"],
        ),
        *[
            (f"{AGENT}accept = ['{code}']\n", [f"components.main.accept: '{code}' is not a status code; {CODE}"])
            for code in ("2²0", "2٠٠", "٢xx", "200-2٩٩")
        ],
        ("[channels.t]\nkind = 'telegram'\ntoken = '٣:a'\nchat_id = 1\n", [f"channels.t.token: {TOKEN}"]),
        ("[channels.t]\nkind = 'telegram'\ntoken = '3:a'\nchat_id = '٣'\n", [f"channels.t.chat_id: {CHAT}"]),
        # components and what all have in common
        ("[components.main]\n", [f"components.main.kind: is required: one of {MONITORS}"]),
        ("[components.main]\nkind = 'agnet'\n", ['components.main.kind: unknown kind "agnet"; did you mean agent?']),
        ("[components.main]\nkind = 1\n", [f"components.main.kind: unknown kind 1; known: {MONITORS}"]),
        (
            "[components.main]\nkind = '_journal'\n",
            [f'components.main.kind: unknown kind "_journal"; known: {MONITORS}'],
        ),
        ("[components.main]\nkind = 'agent'\n", ["components.main.url: is required: a string"]),
        (
            AGENT + "[[components.main.recovery.ladder]]\naction = 'systemd'\nunit = 'a'\nhang_kill = 30\n",
            [
                "components.main.recovery.ladder[0].hang_kill: 30 s are never reached: a step has 30 s"
                " ([recovery] timeout)"
            ],
        ),
        (AGENT + "urll = 'x'\n", ["components.main.urll: unknown key; did you mean url?"]),
        *[
            (f"{AGENT}{typo} = 2\n", [f"components.main.{typo}: unknown key; did you mean {meant}?"])
            for typo, meant in (("quroum", "quorum"), ("healers", "healer"), ("obsever", "observer"), ("kinds", "kind"))
        ],
        (
            PUSH.format("job") + "zzz = 2\n",
            [f"components.job.zzz: unknown key; known: period, grace, max_runtime, {AND_COMMON}"],
        ),
        (
            "[channels.c]\nkind = 'console'\nmin_severty = 'low'\n",
            ["channels.c.min_severty: unknown key; did you mean min_severity?"],
        ),
        (AGENT + "headers = { a = 1 }\n", ["components.main.headers.a: expected a string, got a number"]),
        (AGENT + "headers = 'a'\n", ["components.main.headers: expected a table, a string each, got a string"]),
        (AGENT + "interval = 0\n", ["components.main.interval: expected 0.01 to 31,536,000, got 0"]),
        (AGENT + "interval = inf\n", ["components.main.interval: expected an ordinary number, got inf"]),
        (AGENT + "timeout = 1e9\n", ["components.main.timeout: expected 0.01 to 3,600, got 1,000,000,000"]),
        (AGENT + "slow_after = -1\n", ["components.main.slow_after: expected 0.001 to 3,600, got -1"]),
        (AGENT + "fail_threshold = 0\n", ["components.main.fail_threshold: expected 1 to 1,000, got 0"]),
        (AGENT + "fail_threshold = true\n", ["components.main.fail_threshold: expected a whole number, got true"]),
        (AGENT + "fail_threshold = 3.0\n", ["components.main.fail_threshold: expected a whole number, got 3.0"]),
        (AGENT + "recovery_threshold = -2\n", ["components.main.recovery_threshold: expected 1 to 1,000, got -2"]),
        (
            AGENT + "fail_window = 2\n",
            ["components.main.fail_threshold: expected at most fail_window (2), or there is never a fault; got 3"],
        ),
        (AGENT + "retries = 11\n", ["components.main.retries: expected 0 to 10, got 11"]),
        (
            AGENT + "severity = 'critical'\n",
            ['components.main.severity: expected one of low, medium, high, severe, got "critical"'],
        ),
        (AGENT + "name = ''\n", ["components.main.name: expected some text on one line"]),
        (AGENT + 'name = "a\\nb"\n', ["components.main.name: expected some text on one line"]),
        (AGENT + "observer = ''\n", ["components.main.observer: expected some text on one line"]),
        *[
            (f"{AGENT}{keys}\n", [f"components.main.{line}"])
            for keys, line in (
                ("quorum = 0", "quorum: expected 1 to 1,000, got 0"),
                (
                    "observer = 'web1'\nquorum = 2",
                    'quorum: expected 1, because observer = "web1" is one host, which alone never makes it; got 2',
                ),
                (
                    "observer = 'web*'\nhealer = 'db1'",
                    'healer: "db1" does not watch it (observer = "web*"), so nobody would ever restart it',
                ),
                (
                    "observer = 'db1'\nhealer = 'web[12]'",
                    'healer: "web[12]" does not watch it (observer = "db1"), so nobody would ever restart it',
                ),
                (
                    "observer = 'web1,web2'\nquorum = 2",
                    'observer: expected a name or a glob, as in web*; a comma makes no list of hosts, got "web1,web2"',
                ),
                (
                    "healer = 'web1, web2'",
                    'healer: expected a name or a glob, as in web*; a comma makes no list of hosts, got "web1, web2"',
                ),
                *(
                    (
                        f"observer = '{glob}'",
                        f'observer: expected a name or a glob, as in web[12]; a bracket is not closed, got "{glob}"',
                    )
                    for glob in ("web[12", "web[]", "[!]", "[1]-[2")
                ),
            )
        ],
        (AGENT + "channels = ['tg']\n", ['components.main.channels: no channel "tg"; known: console']),
        (
            AGENT + "channels = ['tgg']\n[channels.tg]\nkind = 'console'\n",
            ['components.main.channels: no channel "tgg"; did you mean tg?'],
        ),
        (AGENT + "depends_on = 'db'\n", ['components.main.depends_on: expected a list, a string each, got "db"']),
        (AGENT + "depends_on = ['mainn']\n", ['components.main.depends_on: no component "mainn"; did you mean main?']),
        (AGENT + "depends_on = ['main']\n", ["components: depends_on goes round in a circle: main → main"]),
        (
            "".join(PUSH.format(id_) + f"depends_on = ['{parent}']\n" for id_, parent in ("ab", "bc", "ca")),
            ["components: depends_on goes round in a circle: a → b → c → a"],
        ),
        (AGENT.replace("http://localhost:8000/health", "localhost"), None),
        # channels
        ("[channels.tg]\nkind = 'telegrm'\n", None),
        (
            "[channels.log]\nkind = 'file'\npath = 'alerts.log'\n",
            ["channels.log.path: expected an absolute path, or one below ~: cron starts elsewhere than a shell"],
        ),
        # ids
        *[
            (f'[components."{id_}"]\nkind = "host"\n', [f"components.{shown}: {ID_RULE}"])
            for id_, shown in (
                ("a b", "a b"),
                ("../etc", "../etc"),
                ("--all", "--all"),
                ("-x", "-x"),
                (".hidden", ".hidden"),
                ("", ""),
                ("a/b", "a/b"),
                ("a\\u001b[31mb", "a [31mb"),
                ("a\\nb", "a b"),
                ("a;rm", "a;rm"),
                ("é", "é"),
                ("x" * 65, "x" * 65),
            )
        ],
        # recovery
        (AGENT + "recovery = 'yes'\n", ['components.main.recovery: expected one of off, ask, on, got "yes"']),
        (
            AGENT + "recovery = true\n",
            ["components.main.recovery: expected one of off, ask, on, or a table with a ladder, got true"],
        ),
        (
            AGENT + "recovery = { mode = 'on', laddder = [] }\n",
            ["components.main.recovery.laddder: unknown key; did you mean ladder?"],
        ),
        (AGENT + "recovery = { mode = 1 }\n", ["components.main.recovery.mode: expected one of off, ask, on, got 1"]),
        (ladder("'x'"), ['components.main.recovery.ladder: expected a list of tables, each with an action, got "x"']),
        (ladder("['x']"), [f"components.main.recovery.ladder[0]: expected a table with an action: one of {ACTIONS}"]),
        (
            ladder("[{ action = 'dokcer' }]"),
            ['components.main.recovery.ladder[0].action: unknown action "dokcer"; did you mean docker?'],
        ),
        (ladder("[{ action = 'docker' }]"), ["components.main.recovery.ladder[0].container: is required: a string"]),
        (
            ladder("[{ action = 'docker', container = 'a' }, { action = 'command', command = 'rm -rf /' }]"),
            ['components.main.recovery.ladder[1].command: expected a list, a string each, got "rm -rf /"'],
        ),
        (
            ladder("[{ action = 'script', name = 'restart.sh' }]"),
            [f"{RUNG}.folder: is required: the folder of the script, here or as scripts of [recovery]"],
        ),
        (
            guarded("startup_grace = -1\nbudget = 0\nbackoff = 86401\nbusy = { url = 'http://h' }\nbusy_wait = -0.5"),
            [
                f"{OWN}.startup_grace: expected 0 to 86,400, got -1",
                f"{OWN}.budget: expected 1 to 1,000, got 0",
                f"{OWN}.backoff: expected 0 to 86,400, got 86,401",
                f"{OWN}.busy_wait: expected 0 to 86,400, got -0.5",
            ],
        ),
        (guarded("startup_grace = '9'"), [f'{OWN}.startup_grace: {_DURATION} "9"']),
        (guarded("budget = 1.5"), [f"{OWN}.budget: expected a whole number, got 1.5"]),
        (guarded("backoff = true"), [f"{OWN}.backoff: {_DURATION} true"]),
        (guarded("backof = 1"), [f"{OWN}.backof: unknown key; did you mean backoff?"]),
        (
            guarded("busy = { url = 'http://h' }\nbusy_then = 'giveup'"),
            [f'{OWN}.busy_then: expected one of restart, give_up, got "giveup"; did you mean give_up?'],
        ),
        (
            guarded("drain = { url = 'http://h' }\nbusy_wait = 1\nbusy_then = 'restart'"),
            [f"{OWN}.busy_wait: means nothing without busy", f"{OWN}.busy_then: means nothing without busy"],
        ),
        (guarded("busy = 'http://u:hunter2@h'"), [f"{OWN}.busy: expected a table with url or command"]),
        (guarded("drain = ['drain']"), [f"{OWN}.drain: expected a table with url or command"]),
        (guarded("busy = {}"), [f"{OWN}.busy: expected url or command"]),
        (
            guarded("busy = { ulr = 'http://u:hunter2@h', method = 'GET' }"),
            [f"{OWN}.busy: expected url or command", f"{OWN}.busy.ulr: unknown key; did you mean url?"],
        ),
        (
            guarded("drain = { url = 'http://h', command = ['drain'] }"),
            [f"{OWN}.drain: expected url or command, not both"],
        ),
        (guarded("busy = { url = 'h' }"), [f"{OWN}.busy.url: expected http://host/path or https://host/path"]),
        (guarded("busy = { url = 1 }"), [f"{OWN}.busy.url: expected a string, got 1"]),
        (
            guarded("busy = { url = 'http://h', action = 'http' }"),
            [f"{OWN}.busy.action: unknown key; known: url, method, headers, body, verify_tls, proxy"],
        ),
        (
            guarded("busy = { url = 'http://h', method = 'get' }"),
            [f'{OWN}.busy.method: expected one of POST, GET, PUT, PATCH, DELETE, got "get"'],
        ),
        (
            guarded("busy = { command = 'pgrep x' }"),
            [f'{OWN}.busy.command: expected a list, a string each, got "pgrep x"'],
        ),
        (
            guarded("drain = { command = [] }"),
            [f'{OWN}.drain.command: is empty; expected a program and its arguments, as ["/usr/bin/thing", "restart"]'],
        ),
        # several at once, all of them listed
        (
            "[heartbeat]\nlocale = 'xx'\ntimezone = 'Nowhere'\n[components.a]\nkind = 'agent'\ninterval = -1\n"
            "depends_on = ['zz']\nrecovery = 'maybe'\n[components.b]\nkind = 'nix'\nretries = 99\n"
            "[channels.'c d']\nkind = 'console'\n",
            [
                'heartbeat.timezone: no such time zone: "Nowhere" (as in Asia/Hong_Kong, UTC)',
                'heartbeat.locale: expected one of en, zh-CN, zh-HK, got "xx"',
                f"channels.c d: {ID_RULE}",
                "components.a.interval: expected 0.01 to 31,536,000, got -1",
                "components.a.url: is required: a string",
                'components.a.recovery: expected one of off, ask, on, got "maybe"',
                'components.a.depends_on: no component "zz"; known: a, b',
                "components.b.retries: expected 0 to 10, got 99",
                f'components.b.kind: unknown kind "nix"; known: {MONITORS}',
            ],
        ),
    ],
)
def test_every_mistake_is_said_in_a_line(text: str, lines: list[str] | None) -> None:
    """Rows with None only have to be refused in one line: their wording belongs to a kind."""
    found = problems(text)
    if lines is None:
        assert len(found) == 1
    else:
        assert found == [f"hb.toml: {line}" for line in lines]


def test_a_mistake_of_a_megabyte_is_a_line_too() -> None:
    (line,) = problems(f"[heartbeat]\nlocale = '{'x' * 1_000_000}'\n")
    assert len(line) < 200
    (line,) = problems(f"[heartbeat]\n{'k' * 100_000} = 1\n")
    assert len(line) <= 1000


def test_a_chain_of_two_thousand_components() -> None:
    text = PUSH.format("c0") + "".join(PUSH.format(f"c{n}") + f'depends_on = ["c{n - 1}"]\n' for n in range(1, 2000))
    assert len(load(text).components) == 2000
    (line,) = problems(text + PUSH.format("last") + 'depends_on = ["last"]\n')
    assert line == "hb.toml: components: depends_on goes round in a circle: last → last"
    (line,) = problems(text.replace("period = 60\n", 'period = 60\ndepends_on = ["c1999"]\n', 1))
    assert line.startswith("hb.toml: components: depends_on goes round in a circle: c0 → c1999 → c1998 → ")
    assert len(line) == 1000


# --- the file ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[heartbeat\n", "is not valid TOML: Expected ']' at the end of a table declaration (at line 1, column 11)"),
        (b"a = 1\na = 2\n", "is not valid TOML: Cannot overwrite a value (at line 2, column 6)"),
        (b"a = \xff\n", "is not UTF-8 text (byte 4)"),
        (b"a = 1" + b"0" * 5000, "is not valid TOML: Exceeds the limit (4300 digits) for integer string conversion"),
        (b"a = " + b"[" * 5000, "is not valid TOML: maximum recursion depth exceeded"),
        (b"#" * 4_000_001, "is larger than 4 MB: that is no configuration"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "hb.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        config.read(path)
    assert str(raised.value).startswith(f"{path}: {said}")
    assert len(raised.value.problems) == 1


def test_files_as_editors_leave_them(tmp_path: Path) -> None:
    path = tmp_path / "hb.toml"
    path.write_bytes(b"\xef\xbb\xbf" + AGENT.replace("\n", "\r\n").encode())
    assert list(config.read(path).components) == ["main"]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    for path, said in (
        (tmp_path, f"{tmp_path}: cannot be read: Is a directory"),
        (tmp_path / "none", f"{tmp_path}/none: cannot be read: No such file or directory"),
    ):
        with pytest.raises(ConfigError) as raised:
            config.read(path)
        assert raised.value.problems == [said]


def test_a_file_of_somebody_else(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        lacking("only root can become somebody who may not read")
    path = tmp_path / "closed" / "hb.toml"
    path.parent.mkdir(mode=0o700)
    path.write_text("[heartbeat]\n")
    code = (
        "import os, sys\nfrom heartbeat_cli.config import load as config\nos.setuid(65534)\n"
        "try: config.find(sys.argv[1])\nexcept config.UsageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == f"{path}: cannot be read: Permission denied\n"


def test_where_it_is_looked_for(tmp_path: Path) -> None:
    """The first that is there, in this order; --config before all."""
    places = ("named.toml", "heartbeat.toml", "xdg/heartbeat/heartbeat.toml")
    for place in places:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("[heartbeat]\n")
    variables = {"HEARTBEAT_CONFIG": "named.toml", "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    (tmp_path / "flag.toml").write_text("[heartbeat]\n")
    ended = heartbeat(tmp_path, "--config", "flag.toml", "config", "check", **variables)
    assert (ended.code, ended.out, ended.err) == (0, "flag.toml: fine: 0 components, 1 channel\n", "")
    for place in places:
        shown = str(tmp_path / place) if place.startswith("xdg") else place
        assert heartbeat(tmp_path, "config", "check", **variables).out.startswith(f"{shown}: fine: ")
        (tmp_path / place).unlink()
        variables.pop("HEARTBEAT_CONFIG", None)
    if not Path("/etc/heartbeat/heartbeat.toml").exists():
        assert heartbeat(tmp_path, "config", "check", **variables).out.startswith("built-in configuration: fine: ")
    own = tmp_path / ".config/heartbeat/heartbeat.toml"
    own.parent.mkdir(parents=True)
    own.write_text("[heartbeat]\n")
    assert heartbeat(tmp_path, "config", "check").out.startswith(f"{own}: fine: ")


@pytest.mark.parametrize("origin", ["--config", "$HEARTBEAT_CONFIG"])
def test_a_named_file_that_is_not_there(tmp_path: Path, origin: str) -> None:
    (tmp_path / "heartbeat.toml").write_text("[heartbeat]\n")
    words = (origin, "no.toml") if origin == "--config" else ()
    ended = heartbeat(tmp_path, *words, "status", **({} if words else {"HEARTBEAT_CONFIG": "no.toml"}))
    line = f"heartbeat: no.toml: no such file ({origin}); `heartbeat init -o no.toml` writes one\n"
    assert (ended.code, ended.out, ended.err) == (2, "", line)


# --- what it means -----------------------------------------------------------------------------------------------


def test_relative_paths_start_from_the_configuration(tmp_path: Path) -> None:
    text = (
        "[heartbeat]\nstore = 'sqlite:///data/hb.db'\nstate_dir = 'state'\ntemplates = 't'\n"
        "[recovery]\nscripts = 'scripts'\n[dashboard]\nfile = '/srv/page.html'\n"
    )
    loaded = load(text, tmp_path)
    assert loaded.store == f"sqlite:///{tmp_path}/data/hb.db"
    assert str(loaded.state_dir) == f"{tmp_path}/state"
    assert (loaded.heartbeat.templates, loaded.recovery.scripts) == (f"{tmp_path}/t", f"{tmp_path}/scripts")
    assert loaded.dashboard.file == "/srv/page.html"
    assert load("[heartbeat]\nstore = 'sqlite:////var/hb.db'\n", tmp_path).store == "sqlite:////var/hb.db"


def test_paths_below_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("XDG_STATE_HOME", "relative/does/not/count")
    assert load("[heartbeat]\nstate_dir = '~/hb'\n").store == "sqlite:////home/somebody/hb/heartbeat.db"
    assert load("").store == "sqlite:////home/somebody/.local/state/heartbeat/heartbeat.db"
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert load("").store == "sqlite:////var/state/heartbeat/heartbeat.db"


def test_without_channels_alerts_go_to_standard_error() -> None:
    assert {id_: one.kind for id_, one in load(AGENT).channels.items()} == {"console": "console"}
    assert list(load(AGENT + "[channels.log]\nkind = 'file'\npath = '/l'\n").channels) == ["log"]


def test_a_host_without_a_home_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "not/absolute")
    with pytest.raises(HeartbeatError, match=r"^there is no home folder: set HOME, XDG_STATE_HOME or "):
        types.default_state_dir()


def test_the_zone_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Asia/Hong_Kong")
    assert load("").timezone == "Asia/Hong_Kong"
    monkeypatch.setenv("TZ", "No/Such")
    assert sections.zone_exists(load("").timezone)
    assert load("[heartbeat]\ntimezone = 'Europe/Berlin'\n").timezone == "Europe/Berlin"


# --- references that lead nowhere --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hosts", ["h", "a,b", "a:5432,b", "a,b:5433", "a:,b:/db", "/db?host=a,b&port=5433", "h: 05432", "h:65535"]
)
def test_store_addresses_that_libpq_takes(hosts: str) -> None:
    assert load(f"[heartbeat]\nstore = 'postgresql://u@{hosts}'\n").store == f"postgresql://u@{hosts}"


@pytest.mark.parametrize(
    "keys",
    [
        "observer = 'web1'\nquorum = 1",
        "observer = 'web*'\nquorum = 2\nhealer = 'web1'",
        "observer = 'web[12]'\nquorum = 2\nhealer = 'web?'",
        "observer = 'web1'\nhealer = 'web*'",
        "observer = '[]x]'\nhealer = '*'",
        "healer = 'web1'\nquorum = 9",
        "observer = 'web*'\nhealer = 'env:NOT_SET_ANYWHERE'",
    ],
)
def test_hosts_that_may_well_be(keys: str) -> None:
    assert load(f"{AGENT}{keys}\n").components["main"].common.observer


LACKING = AGENT + PUSH.format("job") + '[components.db]\nkind = "database"\ndsn = "env:HB_TEST_DSN"\n'
NOT_SET = "hb.toml: components.db.dsn: environment variable HB_TEST_DSN is not set (cron starts with almost none)"


def test_a_component_whose_secret_is_away_is_broken_and_the_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HB_TEST_DSN", raising=False)
    loaded = load(LACKING)
    assert {id_: one.broken for id_, one in loaded.components.items()} == {"main": None, "job": None, "db": NOT_SET}
    assert loaded.unresolved == (NOT_SET,)
    assert loaded.components["db"].plan.ladder == ()
    monkeypatch.setenv("HB_TEST_DSN", "postgresql://u:hunter2@h/db")
    loaded = load(LACKING)
    assert (loaded.components["db"].broken, loaded.unresolved) == (None, ())
    assert loaded.components["db"].settings.dsn == "postgresql://u:hunter2@h/db"
    assert "hunter2" in loaded.secrets


def test_a_channel_and_a_rung_whose_secret_is_away(tmp_path: Path) -> None:
    text = ladder("[{ action = 'docker', container = 'a' }, { action = 'http', url = 'file:hook' }]")
    loaded = load(text + "[channels.log]\nkind = 'file'\npath = 'file:where'\n", tmp_path)
    where = "hb.toml: channels.log.path: cannot read where: No such file or directory"
    hook = "hb.toml: components.main.recovery.ladder[1].url: cannot read hook: No such file or directory"
    assert loaded.unresolved == (where, hook)
    assert loaded.channels["log"].broken == where
    assert loaded.components["main"].broken is None
    assert [step.action for step in loaded.components["main"].plan.ladder] == ["docker"]


def test_a_section_cannot_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HB_TEST_DSN", raising=False)
    line = "hb.toml: heartbeat.store: environment variable HB_TEST_DSN is not set (cron starts with almost none)"
    assert problems('[heartbeat]\nstore = "env:HB_TEST_DSN"\n') == [line]


def test_with_a_mistake_beside_it_both_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HB_TEST_DSN", raising=False)
    wrong = "hb.toml: report.target: expected 0 to 100, got -1"
    assert problems(LACKING + "[report]\ntarget = -1\n") == [wrong, NOT_SET]


# --- ladders -----------------------------------------------------------------------------------------------------


def rungs(text: str) -> list[tuple[str, ...]]:
    return [(one.action, *map(str, one.settings)) for one in load(text).components["main"].plan.ladder]


def test_only_the_id_is_filled_into_a_ladder_of_ones_own() -> None:
    found = load(
        ladder(
            "[{ action = 'http', url = 'http://h/{id}?{url}', headers = { X = '{id}' } },"
            " { action = 'command', command = ['/bin/echo', '{id}', '{name}', '{0}', '{{id}}', '$(id)'] }]"
        )
    )
    hook, program = found.components["main"].plan.ladder
    assert hook.settings.url == "http://h/main?{url}"
    assert hook.settings.headers == {"X": "main"}
    assert program.settings.command == ("/bin/echo", "main", "{name}", "{0}", "{main}", "$(id)")


def test_the_default_ladder_leaves_out_what_is_not_set() -> None:
    db = '[components.main]\nkind = "database"\ndsn = "postgresql://h/{id}"\n'
    assert [one[0] for one in rungs(db)] == ["postgres"]
    assert [one[0] for one in rungs(db + 'container = "pg"\n')] == ["postgres", "docker"]
    scripts = '[recovery]\nscripts = "/etc/hb"\n'
    assert rungs(scripts + db)[-1] == ("script", "restart_main.sh", "/etc/hb", "None")
    box = '[components.main]\nkind = "docker"\ncontainer = "web-1"\n'
    assert rungs(scripts + box)[-1] == ("script", "restart_main.sh", "/etc/hb", "restart_web-1.sh")
    postgres = load(db).components["main"].plan.ladder[0]
    assert postgres.settings.dsn == "postgresql://h/{id}", "what a setting holds is not filled again"


def test_modes() -> None:
    assert load(AGENT).components["main"].plan.mode == "on"
    assert load("[recovery]\nmode = 'ask'\n" + AGENT).components["main"].plan.mode == "ask"
    assert load("[recovery]\nmode = 'ask'\n" + AGENT + "recovery = 'off'\n").components["main"].plan.mode == "off"
    own = load("[recovery]\nmode = 'off'\n" + ladder("[]")).components["main"].plan
    assert (own.mode, own.ladder) == ("on", ())


def test_limits_of_its_own_and_those_of_the_section() -> None:
    plan = load(guarded("")).components["main"].plan
    assert (plan.mode, plan.guard, plan.startup_grace, plan.budget, plan.backoff) == ("on", None, None, None, None)
    plan = load(guarded("mode = 'ask'\nstartup_grace = 240\nbudget = 3\nbackoff = 0")).components["main"].plan
    assert (plan.mode, plan.startup_grace, plan.budget, plan.backoff) == ("ask", 240.0, 3, 0.0)
    assert plan.ladder == load(AGENT).components["main"].plan.ladder, "the kind's own, when none is given"


def test_a_guard() -> None:
    plan = load(guarded("busy = { url = 'http://h/{id}' }\ndrain = { url = 'http://h/{url}' }")).components["main"].plan
    busy, drain = http.Settings("http://h/main", "GET"), http.Settings("http://h/{url}", "POST")
    assert plan.guard == Guard(Step("http", busy), Step("http", drain), 300.0, "restart")
    more = "busy = { command = ['pgrep', '{id}', '{name}'] }\nbusy_wait = 0\nbusy_then = 'give_up'"
    assert load(guarded(more)).components["main"].plan.guard == Guard(
        Step("command", command.Settings(("pgrep", "main", "{name}"))), None, 0.0, "give_up"
    )
    drained = load(guarded("drain = { url = 'http://h', method = 'PUT' }")).components["main"].plan.guard
    assert drained == Guard(None, Step("http", http.Settings("http://h", "PUT")))


def test_a_guard_whose_secret_is_away_asks_nothing(tmp_path: Path) -> None:
    text = guarded("busy = { url = 'http://h', headers = { Authorization = 'file:token' } }")
    loaded = load(text, tmp_path)
    where = f"hb.toml: {OWN}.busy.headers.Authorization: cannot read token: No such file or directory"
    assert loaded.unresolved == (where,)
    assert (loaded.components["main"].broken, loaded.components["main"].plan.guard) == (None, None)
    (tmp_path / "token").write_text("Bearer hunter2\n")
    loaded = load(text, tmp_path)
    guard = loaded.components["main"].plan.guard
    assert guard is not None and guard.busy is not None
    assert guard.busy.settings.headers == {"Authorization": "Bearer hunter2"}
    assert "Bearer hunter2" in loaded.secrets


# --- kinds -------------------------------------------------------------------------------------------------------

_NASTY = ("", " ", "\x1b[31m", "\n", "x" * 100_000, "http://[", "[::1", "%", "{id}", "../x", "-rf", "é\u202e", "\t")


@pytest.mark.parametrize(("room", "kind"), [(room, kind) for room in plugins.PACKAGES for kind in plugins.kinds(room)])
def test_no_kind_stumbles_over_a_nasty_value(room: str, kind: str) -> None:
    """Whatever stands in the file, a kind says what is wrong with it, or takes it; it never raises."""
    section = "channels" if room == "channels" else "components"
    cls = plugins.load(room, kind).Settings
    values = [*_NASTY, [*_NASTY], {"a": _NASTY[2], "": "", "\n": "x"}, -1, 0, 10**14, 1e-9, True]
    for key in (field.rstrip("_") for field in cls._fields):
        for value in values:
            table: dict[str, object] = {"kind": kind, key: value}
            if room == "actions":
                table = {"kind": "push", "period": 60, "recovery": {"ladder": [{"action": kind, key: value}]}}
            for required in cls._fields[:1] if room != "actions" else ():
                table.setdefault(required.rstrip("_"), "x")
            try:
                config.load({section: {"one": table}}, "hb.toml")
            except ConfigError as error:
                assert all(line.isprintable() and len(line) <= 1000 for line in error.problems)


def test_the_error_is_a_usage_error() -> None:
    assert issubclass(ConfigError, UsageError)
    assert ConfigError.exit_code == 2


@pytest.mark.parametrize("text", ["", "# all of it is commented\n\n", "[channels.log]\nkind = 'console'\n", "\ufeff"])
def test_a_file_that_names_neither_a_store_nor_a_component_is_a_mistake(tmp_path: Path, text: str) -> None:
    """An editor is saving it: the run would go on with the default store, and carry what waits there."""
    path = tmp_path / "heartbeat.toml"
    path.write_text(text)
    advice = "is it empty, or half written? restore it, or write a new one: heartbeat init"
    line = f"heartbeat: {path}: has neither [heartbeat] nor [components]: {advice}\n"
    for verb in ("run", "check", "status", "report"):
        assert heartbeat(tmp_path, "--config", str(path), verb) == (2, "", line)
    assert not (tmp_path / ".local").exists(), "no database of its own"
    for good in ("[heartbeat]\n", "[components.h]\nkind = 'host'\n"):
        path.write_text(good)
        assert heartbeat(tmp_path, "--config", str(path), "config", "check").code == 0
