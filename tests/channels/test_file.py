"""The file channel: whole lines of JSON, or none."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from heartbeat_cli.channels import file
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.errors import DeliveryError

MESSAGE = Message("i-1", "agent_down", "high", "主 is down", "line 1\nline 2 \x1b[31m", "<b>x</b>", "main", 1.5, "i")
LINE = {
    "id": "i-1",
    "type": "agent_down",
    "severity": "high",
    "title": "主 is down",
    "text": "line 1\nline 2 \x1b[31m",
    "component": "main",
    "at": 1.5,
    "thread": "i",
    "threads": [],
    "subject": "",
}


def send(path: object, message: Message = MESSAGE) -> None:
    file.send(file.Settings(str(path)), message, timeout=5)


def refusal(path: object) -> DeliveryError:
    with pytest.raises(DeliveryError) as raised:
        send(path)
    return raised.value


def test_a_line_a_message(tmp_path: Path) -> None:
    path = tmp_path / "log"
    send(path)
    send(path, MESSAGE._replace(id="i-2"))
    lines = path.read_bytes().split(b"\n")
    assert [json.loads(line) for line in lines[:-1]] == [LINE, LINE | {"id": "i-2"}]
    assert lines[-1] == b""
    assert "主".encode() in lines[0]
    assert b"\x1b" not in lines[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_nobody_sees_is_escaped_and_every_script_readable(tmp_path: Path) -> None:
    """`cat` and `tail -f` show the file on a terminal."""
    hostile = MESSAGE._replace(
        id="i\u202e-1", title="主機「甲」停咗\u3000🔥 \u202egpj.exe \u2066x\u2069 \x9b31m\x7f\u2028"
    )
    send(tmp_path / "log", hostile)
    send(tmp_path / "log", hostile)
    (line,) = (tmp_path / "log").read_text(encoding="utf-8").split("\n")[:-1]
    assert "主機「甲」停咗\u3000🔥 \\u202egpj.exe \\u2066x\\u2069 \\u009b31m\\u007f\\u2028" in line
    assert (json.loads(line)["title"], json.loads(line)["id"]) == (hostile.title, hostile.id)


def test_an_existing_file_keeps_its_mode_and_content(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    path.chmod(0o644)
    send(path)
    assert path.read_text().startswith('before\n{"id"')
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    send("~/log")
    assert (tmp_path / "log").exists()
    assert file.problems(file.Settings("~/log")) == file.problems(file.Settings("/log")) == []


@pytest.mark.parametrize("path", ["log", "", "./log", "../log"])
def test_a_relative_path_is_refused(path: str) -> None:
    why = "expected an absolute path, or one below ~: cron starts elsewhere than a shell"
    assert file.problems(file.Settings(path)) == [("path", why)]


def test_text_that_is_no_text(tmp_path: Path) -> None:
    send(tmp_path / "log", MESSAGE._replace(text="a\udcffb"))
    assert json.loads((tmp_path / "log").read_text())["text"] == "a?b"


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("none/log", "No such file or directory"),
        ("folder", "Is a directory"),
        ("file/log", "Not a directory"),
        ("fifo", "No such device or address"),
        ("/dev/full", "No space left on device"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, place: str, why: str) -> None:
    """A pipe that nobody reads is not waited for."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "fifo")
    error = refusal(tmp_path / place)
    assert (str(error), error.retryable, error.retry_after) == (f"{tmp_path / place}: {why}", True, None)


def test_a_device_is_written_to_and_that_is_all() -> None:
    """It cannot be synced; that must not count as a failure, or the message would be sent for ever."""
    send("/dev/null")


def test_a_full_disk_leaves_no_half_a_line(tmp_path: Path) -> None:
    """A limit on the size of files cuts a write in the middle, as a full disk does."""
    path = tmp_path / "log"
    send(path)
    before = path.read_bytes()
    code = (
        "import resource, sys\n"
        "from heartbeat_cli.channels import file\n"
        "from heartbeat_cli.domain.alerting.message import Message\n"
        "from heartbeat_cli.errors import DeliveryError\n"
        "size = int(sys.argv[2]); resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"
        "message = Message('i', 't', 'high', 'x' * 1000, '', '', 'main', 1.0)\n"
        "try: file.send(file.Settings(sys.argv[1]), message, timeout=5)\n"
        "except DeliveryError as error: print(error, error.retryable)\n"
    )
    argv = [sys.executable, "-c", code, path, str(len(before) + 100)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == f"{path}: written only in part: no space left True\n"
    assert path.read_bytes() == before


def test_many_writers_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "log"
    code = (
        "import sys\n"
        "from heartbeat_cli.channels import file\n"
        "from heartbeat_cli.domain.alerting.message import Message\n"
        "message = Message('i', 't', 'high', sys.argv[2] * 20_000, '', '', 'main', 1.0)\n"
        "for n in range(20):\n"
        "    file.send(file.Settings(sys.argv[1]), message._replace(id=sys.argv[2] + str(n)), timeout=5)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, path, letter]) for letter in "abcd"]
    assert [one.wait(60) for one in running] == [0, 0, 0, 0]
    titles = [json.loads(line)["title"] for line in path.read_text().splitlines()]
    assert sorted(titles) == sorted(letter * 20_000 for letter in "abcd" * 20)


def test_a_message_that_stands_there_already_is_not_written_again(tmp_path: Path) -> None:
    """A process that died between writing and saying so leaves the message to the next one."""
    path = tmp_path / "log.jsonl"
    first, second = MESSAGE, MESSAGE._replace(id="another")
    for one in (first, second, first, second):
        file.send(file.Settings(str(path)), one, timeout=1)
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [first.id, "another"]
