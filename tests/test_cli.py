"""The command line from outside: whole lines, exit codes and streams, and no traceback for what a user can cause."""

import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from heartbeat_cli.config import load, places
from heartbeat_cli.verbs import SECTIONS
from tests.parts.postgres_impostor import impostor
from tests.parts.verb import Ended
from tests.parts.verb import from_nothing as heartbeat

VERBS = sorted(
    path.stem
    for path in (Path(__file__).parent.parent / "src/heartbeat_cli/commands").glob("*.py")
    if not path.stem.startswith("_")
)
GOOD = '[components.good]\nkind = "command"\ncommand = ["/bin/true"]\n'
BAD = '[components.bad]\nkind = "command"\ncommand = ["/bin/sh", "-c", "exit 2"]\nrecovery = "off"\n'
PUSH = '[components.job]\nkind = "push"\nperiod = 60\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a configuration, its state below it."""
    (tmp_path / "heartbeat.toml").write_text(GOOD + PUSH)
    return tmp_path


def db_of(home: Path) -> Path:
    return home / ".local/state/heartbeat/heartbeat.db"


def shell(home: Path, line: str, **variables: str) -> Ended:
    """A line of bash with `heartbeat` in it, its output and exit code."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **variables}
    words = f'heartbeat() {{ "{sys.executable}" -m heartbeat_cli "$@"; }}; {line}'
    done = subprocess.run(
        ["bash", "-c", words], cwd=home, env=environment, capture_output=True, timeout=60, check=False
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@contextmanager
def started(home: Path, *words: str) -> Iterator["subprocess.Popen[str]"]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    argv = [sys.executable, "-m", "heartbeat_cli", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=home, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        yield process
        if process.poll() is None:
            process.kill()


def no_option(name: str, *meant: str) -> str:
    """As the installed version of click words it."""
    return click.NoSuchOption(name, possibilities=meant).format_message()


# --- wrong usage -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("chek",), "no such command 'chek'; did you mean check? (see heartbeat --help)"),
        (("_app",), "no such command '_app' (see heartbeat --help)"),
        (("check.py",), "no such command 'check.py'; did you mean check? (see heartbeat --help)"),
        (("",), "no such command '' (see heartbeat --help)"),
        (
            ("check", "--fromat", "json"),
            f"{no_option('--fromat', '--format')} (see heartbeat check --help)",
        ),
        (
            ("check", "--format", "xml"),
            "Invalid value for '--format': 'xml' is not one of 'table', 'json', 'nagios'. (see heartbeat check --help)",
        ),
        (("check", "extra"), "Got unexpected extra argument (extra) (see heartbeat check --help)"),
        (("check", "--component", "god"), "no component 'god'; did you mean good?"),
        (("check", "--component", ""), "no component ''; known: good, job"),
        (("check", "--component", "x\x1b[31m\n"), r"no component 'x\x1b[31m\n'; known: good, job"),
        (("status", "--component", "tcp"), "no component 'tcp'; known: good, job"),
        (("status", "--watch", "--format", "json"), "--watch shows tables; take --format json without it"),
        (("recover", "--force"), "--force wants --component: say what to recover"),
        (("config", "chek"), "no such command 'chek'; did you mean check? (see heartbeat config --help)"),
        (("strategy", "set", "fast"), "unknown strategy 'fast'; known: aggressive, normal, conservative"),
        (("notify", "--test", "tg"), "no channel 'tg'; known: console"),
        (("kinds", "agnet"), "unknown kind 'agnet'; did you mean agent?"),
        (
            ("silence", "--for", "0", "good"),
            "Invalid value for '--for': 0.0 is not in the range 0<x<=525600.0. (see heartbeat silence --help)",
        ),
        (("silence", "--for", "nan", "good"), "--for: nan is no number of minutes"),
        (("--config",), "Option '--config' requires an argument."),
    ],
)
def test_wrong_usage(home: Path, words: tuple[str, ...], line: str) -> None:
    assert heartbeat(home, *words) == (2, "", f"heartbeat: {line}\n")
    assert not db_of(home).exists(), "wrong usage makes nothing"


def test_two_unknown_components_are_two_lines(home: Path) -> None:
    ended = heartbeat(home, "check", "--component", "god", "--component", "jbo")
    lines = "heartbeat: no component 'god'; did you mean good?\nheartbeat: no component 'jbo'; did you mean job?\n"
    assert ended == (2, "", lines)


@pytest.mark.parametrize("verb", [(), ("config",)])
def test_no_verb_shows_the_help(home: Path, verb: tuple[str, ...]) -> None:
    ended = heartbeat(home, *verb)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"Usage: {' '.join(('heartbeat', *verb))} [OPTIONS] COMMAND [ARGS]...\n")
    assert "--help)" not in ended.err


def test_the_help_lists_every_verb_once_in_sections_with_its_whole_summary(home: Path) -> None:
    shown = shell(home, "heartbeat --help", COLUMNS="80").out
    headings = [f"{heading}:" for heading, _ in SECTIONS]
    assert [line for line in shown.splitlines() if line in headings] == headings
    listed = re.findall(r"^  (\w+) +(\S.*)$", shown.partition(headings[0])[2], re.M)
    assert [verb for verb, _ in listed] == [verb for _, verbs in SECTIONS for verb in verbs]
    assert sorted(verb for verb, _ in listed) == VERBS
    for verb, said in listed:
        assert said.endswith(".") and not said.endswith("..."), f"{verb}: cut off: {said}"


@pytest.mark.parametrize("verb", ["config", "strategy"])
def test_the_help_of_a_group_cuts_no_summary_off(home: Path, verb: str) -> None:
    shown = shell(home, f"heartbeat {verb} --help", COLUMNS="80").out
    assert "..." not in shown.partition("Commands:")[2] and "Commands:" in shown


def test_the_version(home: Path) -> None:
    from heartbeat_cli import __version__

    assert heartbeat(home, "--version") == (0, f"heartbeat, version {__version__}\n", "")


@pytest.mark.parametrize("verb", ["check", "run", "status", "beat", "ack", "silence", "config", "strategy"])
def test_a_wrong_configuration_is_said_by_every_verb(tmp_path: Path, verb: str) -> None:
    (tmp_path / "heartbeat.toml").write_text(GOOD + "intervall = 3\n[heartbeat]\nlocale = 'xx'\n")
    words = {"config": ("config", "check"), "beat": ("beat", "good"), "strategy": ("strategy", "show")}.get(
        verb, (verb,)
    )
    ended = heartbeat(tmp_path, *words)
    assert (ended.code, ended.out) == (2, "")
    lines = ended.err.splitlines()
    assert len(lines) == 2
    assert lines[0] == 'heartbeat: heartbeat.toml:6: heartbeat.locale: expected one of en, zh-CN, zh-HK, got "xx"'
    assert re.match(r"heartbeat: heartbeat\.toml:\d+: components\.good\.intervall: unknown key", lines[1])


# --- the store ---------------------------------------------------------------------------------------------------


def own_folder(home: Path, state: Path) -> Path:
    """The folder of the configuration in a state folder."""
    return state / places.config_folder(load.read(home / "heartbeat.toml")).name


def with_store(home: Path, store: str, timeout: float = 0.5) -> None:
    section = f'[heartbeat]\nstore = "{store}"\nstore_timeout = {timeout}\n'
    (home / "heartbeat.toml").write_text(section + GOOD)


def test_a_state_folder_that_cannot_be(home: Path) -> None:
    (home / "file").write_text("")
    (home / "heartbeat.toml").write_text('[heartbeat]\nstate_dir = "file/state"\n' + GOOD)
    lock = own_folder(home, home / "file/state") / "run.lock"
    line = f"heartbeat: {lock}: Not a directory; set [heartbeat] state_dir to a writable folder\n"
    assert heartbeat(home, "check") == (3, "", line)
    assert heartbeat(home, "run") == (3, "", line)
    assert heartbeat(home, "status") == (3, "", f"heartbeat: store {home}/file/state/heartbeat.db: Not a directory\n")


def test_a_store_where_no_folder_can_be(home: Path) -> None:
    with_store(home, "sqlite:////proc/none/hb.db")
    line = "heartbeat: store /proc/none/hb.db: No such file or directory\n"
    assert heartbeat(home, "status") == (3, "", line)


def test_a_store_in_a_folder_yet_to_be_made(home: Path) -> None:
    with_store(home, "sqlite:///a/b/hb.db")
    assert heartbeat(home, "check").code == 0
    assert (home / "a/b/hb.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.whole
@pytest.mark.parametrize("content", [b"this is no database, for sure", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_corrupt_store(home: Path, content: bytes) -> None:
    """Who reads says so; a pass goes on without it, says so, too, and leaves the file as it is."""
    db_of(home).parent.mkdir(parents=True)
    db_of(home).write_bytes(content)
    for verb in ("status", "strategy"):
        ended = heartbeat(home, verb)
        assert (ended.code, ended.out) == (3, "")
        assert ended.err.startswith(f"heartbeat: store {db_of(home)}: ")
        assert ended.err.count("\n") == 1
    ended = heartbeat(home, "run")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith(f"heartbeat: store {db_of(home)}: ")
    assert ended.err.count("\n") == 1
    assert db_of(home).read_bytes() == content


@pytest.mark.whole
def test_a_store_that_somebody_else_keeps_locked(home: Path) -> None:
    """Reading goes on; a pass does not wait for ever."""
    with_store(home, f"sqlite:///{home}/hb.db")
    assert heartbeat(home, "check").code == 0
    other = sqlite3.connect(home / "hb.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert heartbeat(home, "status", "--component", "good").code == 1
    begun = time.monotonic()
    ended = heartbeat(home, "check", "--all")
    assert time.monotonic() - begun < 20
    assert ended.err.startswith(f"heartbeat: store {home}/hb.db: database is locked")
    assert ended.err.count("\n") == 1
    other.execute("ROLLBACK")
    other.close()
    assert heartbeat(home, "check", "--all").code == 0


def test_a_store_made_by_a_newer_heartbeat(home: Path) -> None:
    heartbeat(home, "check")
    with sqlite3.connect(db_of(home)) as db:
        db.execute("UPDATE heartbeat_schema SET version = 999")
    db.close()
    for verb in ("status", "strategy"):
        ended = heartbeat(home, verb)
        assert (ended.code, ended.out) == (3, "")
        assert ended.err.startswith(f"heartbeat: store {db_of(home)}: made by a newer heartbeat (schema 999, this one")
        assert ended.err.endswith("; upgrade heartbeat on this host\n")


def test_postgres_that_is_not_there(home: Path) -> None:
    with_store(home, "postgresql://u:hunter2@127.0.0.1:9/hb")
    ended = heartbeat(home, "strategy", "show")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("heartbeat: store ")
    assert ended.err.count("\n") == 1
    assert "hunter2" not in ended.err


def test_postgres_that_takes_the_connection_and_hangs(home: Path) -> None:
    with impostor() as port:
        with_store(home, f"postgresql://u:hunter2@127.0.0.1:{port}/hb")
        begun = time.monotonic()
        ended = heartbeat(home, "strategy", "show")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("heartbeat: store ")
    assert ended.err.count("\n") == 1
    assert "hunter2" not in ended.err
    assert time.monotonic() - begun < 20


# --- the lock ----------------------------------------------------------------------------------------------------

_HOLD = """
import sys
from pathlib import Path
from heartbeat_cli.system.lock import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def lock_held(home: Path) -> Iterator[int]:
    argv = [sys.executable, "-c", _HOLD, str(own_folder(home, db_of(home).parent))]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder.pid
        holder.kill()


@pytest.mark.whole
def test_while_another_one_runs(home: Path) -> None:
    with lock_held(home) as pid:
        assert heartbeat(home, "run") == (0, "", ""), "cron's next run leaves quietly"
        lock = own_folder(home, db_of(home).parent) / "run.lock"
        busy = f"another heartbeat is running (process {pid}, lock {lock}); try again in a moment"
        assert heartbeat(home, "run", "-v") == (0, "", f"{busy}\n")
        begun = time.monotonic()
        assert heartbeat(home, "check") == (3, "", f"heartbeat: {busy}\n")
        assert time.monotonic() - begun >= 9
        assert heartbeat(home, "status").code == 1, "who only reads does not wait"
        assert heartbeat(home, "beat", "job").code == 0, "nor does a sign of life"
    assert heartbeat(home, "check").code == 0


# --- streams -----------------------------------------------------------------------------------------------------


@pytest.mark.whole
def test_a_reader_that_has_gone(home: Path) -> None:
    """`heartbeat kinds | head -1` is no failure of heartbeat to speak of, and never one of a component."""
    ended = shell(home, "heartbeat kinds | head -1; echo ${PIPESTATUS[0]}")
    assert ended.err == ""
    assert ended.out.startswith("What can be watched (kind")
    assert ended.out.splitlines()[1] in ("0", "3")
    ended = shell(home, "heartbeat kinds --format json | { exec 0<&-; sleep 1; }; echo ${PIPESTATUS[0]}")
    assert ended == (0, "3\n", "")


@pytest.mark.parametrize("verb", ["kinds", "config show", "--help", "check --all", "status --format json"])
def test_output_that_cannot_be_written(home: Path, verb: str) -> None:
    ended = shell(home, f"heartbeat {verb} >/dev/full")
    assert ended == (3, "", "heartbeat: output cannot be written: No space left on device\n")


def test_closed_streams(home: Path) -> None:
    assert shell(home, "heartbeat check --component good >&-") == (0, "", "")
    assert shell(home, "heartbeat chek 2>&-") == (2, "", "")
    assert shell(home, "heartbeat chek 2>/dev/full") == (2, "", "")
    assert shell(home, "heartbeat run -v <&- >&- 2>&-") == (0, "", "")
    assert shell(home, "heartbeat run -v 2>/dev/full") == (0, "", ""), "remarks nobody hears do not stop a pass"
    ended = heartbeat(home, "status", "--component", "good")
    assert (ended.code, ended.err.count("\n")) == (0, 1), "and the pass was a whole one"
    assert shell(home, "heartbeat status --component good >&-")[:2] == (0, ""), "nor is its width asked for"


def test_a_device_named_for_output_stays_one(home: Path) -> None:
    ended = heartbeat(home, "report", "-o", "/dev/full")
    assert (ended.code, ended.out) == (3, "")
    assert "No space left on device" in ended.err
    assert ended.err.count("\n") == 1
    assert Path("/dev/full").is_char_device()


def test_interrupted(home: Path) -> None:
    (home / "heartbeat.toml").write_text(
        '[components.slow]\nkind = "command"\ncommand = ["/bin/sleep", "30"]\ntimeout = 30\n'
    )
    with started(home, "check") as process:
        until = time.monotonic() + 20
        while not db_of(home).exists() and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.strip() == "heartbeat: stopped"
    assert "Traceback" not in out
    with sqlite3.connect(db_of(home)) as db:
        assert db.execute("SELECT count(*) FROM heartbeat_passes").fetchone() == (0,)
    db.close()


@pytest.mark.whole
def test_json_is_one_document_and_everything_else_goes_to_the_other_stream(home: Path) -> None:
    (home / "heartbeat.toml").write_text(GOOD + BAD + PUSH)
    for words, code in {
        ("check", "--all", "--format", "json"): 1,
        ("check", "--format", "json"): 0,
        ("check", "--component", "good", "--format", "json"): 0,
        ("status", "--format", "json"): 1,
        ("detect", "--format", "json"): 0,
        ("recover", "--format", "json"): 0,
        ("recover", "--component", "good", "--force", "--format", "json"): 0,
        ("strategy", "show", "--format", "json"): 0,
        ("kinds", "--format", "json"): 0,
        ("config", "show", "--format", "json"): 0,
    }.items():
        ended = heartbeat(home, *words)
        assert ended.code == code, words
        json.loads(ended.out)
        assert ended.out.endswith("\n")
    row = json.loads(heartbeat(home, "check", "--component", "bad", "--format", "json").out)[0]
    wanted = {"component", "kind", "name", "status", "response_time", "error", "timestamp", "fail_count", "metrics"}
    assert wanted <= row.keys()
    row = json.loads(heartbeat(home, "status", "--format", "json").out)[0]
    assert {"component", "kind", "name", "state", "status", "since", "fail_count", "success_count"} <= row.keys()


def on_a_terminal(home: Path, *words: str, **variables: str) -> str:
    """What a terminal shows."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm", **variables}
    main, other = pty.openpty()
    argv = [sys.executable, "-m", "heartbeat_cli", *words]
    with subprocess.Popen(argv, cwd=home, env=environment, stdout=other, stderr=subprocess.DEVNULL):
        os.close(other)
        shown = b""
        try:
            while chunk := os.read(main, 65_536):
                shown += chunk
        except OSError:  # the other end is closed
            pass
    os.close(main)
    return shown.decode()


@pytest.mark.whole
def test_colours_for_a_terminal_only(home: Path) -> None:
    words = ("check", "--component", "good")
    assert "\x1b[32mhealthy\x1b[0m" in on_a_terminal(home, *words)
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        shown = on_a_terminal(home, *words, **variables)
        assert "healthy" in shown
        assert "\x1b" not in shown
    assert "\x1b" not in heartbeat(home, *words).out


# --- what components say -----------------------------------------------------------------------------------------


@pytest.mark.whole
def test_hostile_words_are_harmless(home: Path) -> None:
    script = home / "hostile"
    script.write_text(
        "#!/bin/sh\nprintf '\\033[31m\\033]0;x\\007|| good  command  healthy\\n'\n"
        "head -c 1000000 /dev/zero | tr '\\0' x; exit 2\n"
    )
    script.chmod(0o755)
    (home / "heartbeat.toml").write_text(f'[components.bad]\nkind = "command"\ncommand = ["{script}"]\n')
    table = heartbeat(home, "check", "--component", "bad")
    assert table.code == 1
    assert len(table.out.splitlines()) == 3
    assert table.out.replace("\n", "").isprintable()
    line = heartbeat(home, "check", "--component", "bad", "--format", "nagios")
    assert (line.code, line.err) == (2, "")
    assert line.out.startswith("HEARTBEAT CRITICAL - bad: ")
    assert line.out.count("\n") == 1
    assert line.out.count("|") <= 1
    assert len(line.out) < 500
    for words in (("status",), ("detect",), ("ack",), ("recover",)):
        ended = heartbeat(home, *words)
        assert (ended.out + ended.err).replace("\n", "").isprintable(), words


# --- every verb --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_shows_a_traceback_for_a_word_too_many(home: Path, verb: str) -> None:
    ended = heartbeat(home, verb, "--no-such-option")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"heartbeat: {no_option('--no-such-option')} (see heartbeat {verb} --help)\n"


def test_an_error_of_our_own_is_a_line_and_the_trace_on_request(home: Path) -> None:
    heartbeat(home, "check")
    with sqlite3.connect(db_of(home)) as db:
        db.execute("UPDATE heartbeat_looks SET at = 'no number'")
    db.close()
    ended = heartbeat(home, "check")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("heartbeat: internal error: ")
    assert ended.err.endswith("(HEARTBEAT_DEBUG=1 shows where)\n")
    traced = heartbeat(home, "check", HEARTBEAT_DEBUG="1")
    assert "Traceback (most recent call last)" in traced.err and traced.code == 3


def test_no_secret_of_the_configuration_in_an_error(home: Path) -> None:
    """A whole DSN out of the environment is a secret, wherever a message repeats a part of it."""
    (home / "heartbeat.toml").write_text('[heartbeat]\nstore = "env:DSN"\nstore_timeout = 0.5\n' + GOOD)
    ended = heartbeat(home, "strategy", "show", DSN="postgresql://hb:s3cr3t@127.0.0.1:9/private-name")
    assert ended.code == 3
    assert "s3cr3t" not in ended.err
