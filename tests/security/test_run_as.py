"""The user of `timer --run-as USER` gets nothing of root's, whatever his files and his configuration lead to."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.parts import lacking
from tests.parts.docker import docker, need_image, unique
from tests.parts.systemd import IMAGE
from tests.parts.transplant import PYTHON, mounts
from tests.parts.verb import Ended

PASSWORD, KEY = "RootsPgPass77", "sk-roots-key-4711"
OF_ROOT = {"PGPASSWORD": PASSWORD, "PGHOST": "roots-database", "ROOTS_API_KEY": KEY, "XDG_CONFIG_HOME": "/root/.config"}
HOME, PORT = "/home/hb", 45719
# What the test's program sets, which is a shell script, and a shell.
OF_THE_PROGRAM = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH", "PWD", "OLDPWD", "SHLVL", "_"}
CONFIG = f"""
[heartbeat]
state_dir = "{HOME}/state"
store = "postgresql://{{}}"
store_timeout = 5
[components.job]
kind = "push"
period = 3600
"""
# A PostgreSQL that asks for a password in clear, and looks at the process that has come.
SPY = """
import json, os, socket, sys

def process_of(client):
    wanted = f"{client.getpeername()[1]:04X}"
    rows = [line.split() for line in open("/proc/net/tcp").readlines()[1:]]
    inode = next(row[9] for row in rows if row[1].endswith(f":{wanted}"))
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        for name in os.listdir(f"/proc/{pid}/fd") if os.path.isdir(f"/proc/{pid}/fd") else ():
            if os.path.realpath(f"/proc/{pid}/fd/{name}").endswith(f"socket:[{inode}]"):
                return f"/proc/{pid}"

with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("ready", flush=True)
    client, _ = listener.accept()
    with client:
        client.settimeout(20)
        place = process_of(client)
        status = dict(line.rstrip().split(":", 1) for line in open(f"{place}/status"))
        seen = {name: status[name].split() for name in ("Uid", "Gid", "Groups", "CapPrm", "CapEff", "CapAmb")}
        seen["environ"] = open(f"{place}/environ").read().rstrip("\\0").split("\\0")
        seen["cwd"] = os.readlink(f"{place}/cwd")
        client.recv(4096)
        client.sendall(b"R\\0\\0\\0\\x08\\0\\0\\0\\x03")
        seen["password"] = client.recv(4096).decode()
print(json.dumps(seen), flush=True)
"""


class Box(NamedTuple):
    """A container with heartbeat and the user hb in it."""

    name: str

    def shell(self, line: str) -> str:
        return docker("exec", self.name, "sh", "-c", line)

    def write(self, path: str, text: str, user: str) -> None:
        argv = ["docker", "exec", "-i", f"--user={user}", self.name, "sh", "-c", 'umask 077 && cat >"$0"', path]
        subprocess.run(argv, input=text, text=True, timeout=60, check=True)

    def timer(self, *words: str, config: str = f"{HOME}/h.toml", folder: str = "/") -> Ended:
        """`heartbeat timer --run-as hb` as root, who has secrets in his environment."""
        variables = [f"--env={name}={value}" for name, value in OF_ROOT.items()]
        argv = ["docker", "exec", f"--workdir={folder}", *variables, self.name, "heartbeat", "--config", config]
        done = subprocess.run(
            [*argv, "timer", "--run-as", "hb", *words], capture_output=True, text=True, timeout=120, check=False
        )
        return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    need_image("systemd", IMAGE)
    options = ("--detach", "--network=none", "--cap-add=SYS_PTRACE", "--stop-signal=SIGKILL")
    found = Box(unique("run-as"))
    docker(
        "run", *options, "--name", found.name, *mounts(tmp_path_factory.mktemp("run-as"), IMAGE), IMAGE, "sleep", "900"
    )
    try:
        found.shell("groupadd --gid 1234 more && useradd --create-home --uid 1000 --groups more hb")
        yield found
    finally:
        docker("rm", "--force", found.name)


@pytest.fixture(autouse=True)
def nothing_left(box: Box) -> None:
    """Of the test before."""
    box.shell(f"rm -rf {HOME}/.local {HOME}/.pg_service.conf {HOME}/h.toml {HOME}/state")


@contextmanager
def spying(box: Box) -> Iterator["subprocess.Popen[str]"]:
    argv = ["docker", "exec", "--env=LD_LIBRARY_PATH=/opt/python/lib:/opt/lib", box.name, PYTHON, "-c", SPY, str(PORT)]
    spy = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert spy.stdout is not None
    try:
        assert spy.stdout.readline() == "ready\n"
        yield spy
    finally:
        spy.kill()
        spy.wait()
        spy.stdout.close()


def seen(spy: "subprocess.Popen[str]") -> dict[str, Any]:
    assert spy.stdout is not None
    found: dict[str, Any] = json.loads(spy.stdout.readline())
    return found


@pytest.mark.parametrize("how", ["his configuration", "his service file"])
def test_what_connects_for_him_is_his_for_good_and_knows_nothing_of_roots(box: Box, how: str) -> None:
    """Code of his runs there: libpq loads an engine of OpenSSL that a DSN or a service file names."""
    path, where = f"{HOME}/h.toml", f"hb@127.0.0.1:{PORT}/x?sslmode=disable&gssencmode=disable"
    box.write(path, CONFIG.format(where), "hb")
    if how == "his service file":
        path = "/etc/h.toml"
        box.write(path, CONFIG.format("/?service=hb"), "root")
        box.shell(f"chmod 644 {path}")
        words = ("host=127.0.0.1", f"port={PORT}", "user=hb", "dbname=x", "sslmode=disable", "gssencmode=disable")
        box.write(f"{HOME}/.pg_service.conf", "\n".join(["[hb]", *words, ""]), "hb")
    box.shell("install -d -m 0755 /root/private/open && chmod 700 /root/private")
    with spying(box) as spy:
        ended = box.timer(config=path, folder="/root/private/open")
        found = seen(spy)
    assert found["Uid"] == found["Gid"] == ["1000"] * 4, "real, effective, saved, of the file system"
    assert found["Groups"] == ["1000", "1234"]
    assert {int(found[name][0], 16) for name in ("CapPrm", "CapEff", "CapAmb")} == {0}
    variables = dict(one.split("=", 1) for one in found["environ"])
    assert variables.keys() - OF_THE_PROGRAM == {"PATH", "HOME", "USER", "LOGNAME", "LC_ALL"}
    assert (variables["HOME"], variables["USER"], variables["LOGNAME"]) == (HOME, "hb", "hb")
    assert PASSWORD not in str(found) and found["cwd"] == "/"
    assert ended.code == 0 and "\nUser=hb\n" in ended.out and f"ReadWritePaths={HOME}/state\n" in ended.out
    assert (
        "heartbeat: as user hb: store postgresql://" in ended.err and "fe_sendauth: no password supplied" in ended.err
    )


def test_no_variable_of_roots_can_be_named(box: Box) -> None:
    """Its value became the name of a folder of his, and stood in a unit that everybody may read."""
    text = '[heartbeat]\nstate_dir = "env:ROOTS_API_KEY"\n[dashboard]\nbadges = "env:ROOTS_API_KEY"\n'
    box.write(f"{HOME}/h.toml", text + '[components.job]\nkind = "push"\nperiod = 3600\n', "hb")
    for words in ((), ("--install",)):
        ended = box.timer(*words)
        assert (ended.code, ended.out) == (2, "") and "variable ROOTS_API_KEY is not set" in ended.err
        assert KEY not in ended.err
    assert box.shell(f"find {HOME} /etc/systemd -name '*{KEY}*'") == ""


def test_root_speaks_the_language_of_his_configuration(box: Box) -> None:
    """Which it does not read."""
    text = f'[heartbeat]\nlocale = "zh-HK"\nstate_dir = "{HOME}/state"\n'
    box.write(f"{HOME}/h.toml", f'{text}[components.job]\nkind = "push"\nperiod = 3600\ninterval = 5\n', "hb")
    ended = box.timer()
    assert ended.code == 0 and "以用戶 hb 執行" in ended.err and "5 秒" in ended.err


ANSWER = {
    "config": f"{HOME}/h.toml",
    "every": 30,
    "limit": 60.0,
    "needs": {"programs": False, "lives_on": False, "devices": False, "filesystems": False, "writes": []},
    "state": f"{HOME}/state",
    "own_state_dir": True,
    "own_timezone": False,
    "variables": [],
    "locale": "en",
}
FORGER = """
import os, sys
if os.getuid() == 1000:
    {}
    os._exit({})
"""


@pytest.mark.parametrize(
    ("forged", "why"),
    [
        ({}, ""),
        ({"state": f"{HOME}/state\nUser=root"}, "state"),
        ({"state": f"{HOME}/state", "needs": {**ANSWER["needs"], "writes": ["/x\nExecStartPre=+/bin/id"]}}, "writes"),  # type: ignore[dict-item]
        ({"every": "30\nUser=root"}, "every"),
        ({"config": "/etc/heartbeat/heartbeat.toml"}, "config"),
        ({"variables": ["X\nheartbeat: run this as root: x"]}, "variables"),
    ],
)
def test_what_his_process_answers_is_judged(box: Box, forged: dict[str, Any], why: str) -> None:
    """It is his process, and he may have it say anything: here by a module that Python imports at its start."""
    _forge(box, f"print({json.dumps({**ANSWER, **forged})!r}, flush=True)", 0)
    ended = box.timer()
    if not forged:
        assert (ended.code, ended.err) == (0, "") and f"ReadWritePaths={HOME}/state\n" in ended.out
        return
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("heartbeat: what hb's process answered cannot be used: ") and f": {why}" in ended.err
    assert "User=root" not in ended.err.splitlines() and ended.err.count("\n") == 1


def test_nor_is_there_an_end_to_what_it_says(box: Box) -> None:
    _forge(box, "[os.write(2, b'heartbeat: \\x1b[2J' + b'x' * 65_000 + b'\\n') for _ in range(100)]", 2)
    ended = box.timer()
    assert (ended.code, ended.out) == (2, "") and len(ended.err) < 50_000
    assert all(line.startswith("heartbeat: as user hb: ") for line in ended.err.splitlines())
    assert "\x1b" not in ended.err


def _forge(box: Box, line: str, code: int) -> None:
    version = Path(PYTHON).name
    box.shell(f"su hb -c 'mkdir -p {HOME}/.local/lib/{version}/site-packages'")
    box.write(f"{HOME}/.local/lib/{version}/site-packages/usercustomize.py", FORGER.format(line, code), "hb")


_WITH_A_KEY = """
import ctypes
from heartbeat_cli.system import as_user
call = ctypes.CDLL(None).syscall
number = as_user._KEYCTL[__import__("os").uname().machine]
add = {250: 248, 219: 217, 311: 309, 288: 286, 271: 269, 280: 278}[number]
if call(number, 1, None) < 0 or call(add, b"user", b"roots", b"ticket", 6, -3) < 0:
    raise SystemExit("no keyrings")
found = call(number, 10, -3, b"user", b"roots", 0) > 0
as_user._leave_keyring()
print(found, call(number, 10, -3, b"user", b"roots", 0) > 0)
"""


def test_no_key_of_roots_session_goes_along() -> None:
    """A session keyring is inherited, and lets its possessor read what is in it, whoever he is by then."""
    done = subprocess.run([sys.executable, "-c", _WITH_A_KEY], capture_output=True, text=True, timeout=60, check=False)
    if done.stderr.strip() == "no keyrings":
        lacking("a kernel with keyrings")
    assert done.stdout.split() == ["True", "False"], done.stderr
