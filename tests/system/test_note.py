"""Notes that outlive a killed pass, and are one process's at a time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heartbeat_cli.system import note


def test_a_note_is_read_again(tmp_path: Path) -> None:
    path = str(tmp_path / "note.json")
    with note.held(path) as one:
        assert one.value is None and not one.unreadable
        one.save({"long": "x" * 1_000})
        one.save({"a": 1})
    with note.held(path) as one:
        assert one.value == {"a": 1}
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_what_is_no_json_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "note.json").write_text("{")
    with note.held(str(tmp_path / "note.json")) as one:
        assert one.unreadable and one.value is None
        one.save({})
    with note.held(str(tmp_path / "note.json")) as one:
        assert one.value == {} and not one.unreadable


def test_a_link_of_others_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    for name in ("pipe", "open/note.json", "missing/note.json"):
        with pytest.raises(OSError), note.held(str(tmp_path / name)):
            pass


def test_one_at_a_time_and_free_after_a_kill(tmp_path: Path) -> None:
    path = str(tmp_path / "note.json")
    code = (
        "import sys, time; from heartbeat_cli.system import note\n"
        "with note.held(sys.argv[1]) as one:\n    one.save({'spent': 1}); print(flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    with pytest.raises(BlockingIOError), note.held(path):
        pass
    os.kill(child.pid, signal.SIGKILL)
    child.wait(10)
    child.stdout.close()
    time.sleep(0)
    with note.held(path) as one:
        assert one.value == {"spent": 1}
