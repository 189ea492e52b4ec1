"""Real scripts in a real folder; what is not clean is refused before anything runs."""

import os
import signal
import time
from pathlib import Path

import pytest

from heartbeat_cli.actions import script
from heartbeat_cli.domain.recovery.outcome import Outcome
from tests.parts import lacking


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "scripts"
    made.mkdir(mode=0o755)
    return made


def put(folder: Path, name: str, text: str, mode: int = 0o755) -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(mode)
    return path


def run(folder: Path | None, name: str = "restart_main.sh", timeout: float = 10.0) -> Outcome:
    return script.run(script.Settings(name, None if folder is None else str(folder)), timeout=timeout)


def test_a_script_that_succeeds(folder: Path) -> None:
    put(folder, "restart_main.sh", "#!/bin/sh\necho restarted $#; pwd\n")
    outcome = run(folder)
    assert outcome == (
        "done",
        "restart_main.sh ended with exit code 0",
        f"restarted 0\n{os.path.realpath(folder)}",
    )


def test_a_script_that_fails_tells_its_last_word(folder: Path) -> None:
    put(folder, "restart_main.sh", "#!/bin/sh\necho trying\necho 'no such unit' >&2\nexit 5\n")
    outcome = run(folder)
    assert outcome == (
        "failed",
        "restart_main.sh ended with exit code 5: no such unit",
        "trying\nno such unit",
    )


def test_a_script_that_does_not_end_is_killed(folder: Path) -> None:
    put(folder, "restart_main.sh", "#!/bin/sh\necho begun\nsleep 60\n")
    started = time.monotonic()
    outcome = run(folder, timeout=0.5)
    assert outcome == ("failed", "restart_main.sh did not finish within 0.5 s and was killed", "begun")
    assert time.monotonic() - started < 5.5


def test_what_it_starts_lives_on(folder: Path) -> None:
    put(folder, "restart_main.sh", "#!/bin/sh\nsleep 60 >/dev/null 2>&1 &\necho $!\n")
    outcome = run(folder)
    assert outcome.result == "done"
    try:
        time.sleep(0.1)
        assert Path(f"/proc/{outcome.output}/stat").read_text().split()[2] == "S"
    finally:
        os.kill(int(outcome.output), signal.SIGKILL)


def test_the_end_of_a_long_output_is_kept(folder: Path) -> None:
    put(folder, "restart_main.sh", "#!/bin/sh\nyes | head -c 200000\necho the end\n")
    outcome = run(folder)
    assert len(outcome.output) <= 4000
    assert outcome.output.endswith("the end")


def test_no_secret_of_ours_is_handed_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_TOKEN", "hidden")
    put(folder, "restart_main.sh", "#!/bin/sh\nenv\n")
    assert "hidden" not in run(folder).output


def test_the_preferred_script_is_run_where_there_is_one(folder: Path) -> None:
    settings = script.Settings("restart_main.sh", str(folder), "restart_web-1.sh")
    put(folder, "restart_main.sh", "#!/bin/sh\necho by id\n")
    assert script.run(settings, timeout=10).output == "by id"
    put(folder, "restart_web-1.sh", "#!/bin/sh\necho by container\n")
    assert script.run(settings, timeout=10).output == "by container"
    put(folder, "restart_web-1.sh", "#!/bin/sh\n", 0o644)
    assert script.run(settings, timeout=10).result == "refused"
    odd = settings._replace(preferred="../scripts/restart_web-1.sh")
    assert script.run(odd, timeout=10).output == "by id"


@pytest.mark.parametrize(
    "name", ["../x.sh", "a/b", "/bin/sh", ".hidden", "", "a b", "x;y", "-rf", "a\n", "a" * 200, "..", "$(id)"]
)
def test_only_bare_file_names(folder: Path, name: str) -> None:
    assert run(folder, name).result == "refused"
    assert [key for key, _ in script.problems(script.Settings(name))] == ["name"]
    assert script.problems(script.Settings("restart_main.sh")) == []


def test_what_is_missing(folder: Path) -> None:
    assert run(folder) == ("refused", f"no such script: {folder}/restart_main.sh", "")
    assert run(None).detail == "no folder for restart_main.sh: set scripts in [recovery]"
    assert run(folder / "none").result == "refused"


def test_a_script_that_must_not_run_does_not(folder: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    text = f"#!/bin/sh\ntouch {proof}\n"
    put(folder, "open.sh", text, 0o757)
    put(folder, "plain.sh", text, 0o644)
    put(tmp_path, "real.sh", text)
    (folder / "link.sh").symlink_to(tmp_path / "real.sh")
    (folder / "folder.sh").mkdir()
    os.mkfifo(folder / "pipe.sh")
    for name, words in {
        "open.sh": "can be written by everybody; run chmod go-w ",
        "plain.sh": "not executable; run chmod +x on it",
        "link.sh": "not a regular file",
        "folder.sh": "not a regular file",
        "pipe.sh": "not a regular file",
    }.items():
        outcome = run(folder, name)
        assert (outcome.result, words in outcome.detail) == ("refused", True), name
    put(folder, "good.sh", text)
    folder.chmod(0o777)
    assert "can be written by everybody" in run(folder, "good.sh").detail
    folder.chmod(0o775)
    assert "can be written by the group " in run(folder, "good.sh").detail
    assert not proof.exists()
    folder.chmod(0o755)
    assert run(folder, "good.sh").result == "done"
    assert proof.exists()


def test_the_owner_must_be_root_or_us(folder: Path) -> None:
    if os.geteuid() != 0:
        lacking("root, since only root can give a file away")
    path = put(folder, "restart_main.sh", "#!/bin/sh\n")
    os.chown(path, 12345, -1)
    outcome = run(folder)
    assert outcome.result == "refused"
    assert "belongs to uid 12345" in outcome.detail
    os.chown(path, 0, -1)
    os.chown(folder, 12345, -1)
    assert run(folder).result == "refused"


def test_a_script_without_an_interpreter_line(folder: Path) -> None:
    put(folder, "restart_main.sh", "echo hello\n")
    outcome = run(folder)
    assert outcome.result == "failed"
    assert "it has no #! line" in outcome.detail


def test_whether_it_may_be_run(folder: Path) -> None:
    put(folder, "good.sh", "#!/bin/sh\n")
    put(folder, "open.sh", "#!/bin/sh\n", 0o757)

    def right(name: str) -> tuple[str, str]:
        return script.rights(script.Settings(name, str(folder)), timeout=5)[:2]

    assert right("good.sh") == ("ok", f"{folder}/good.sh may be run")
    assert right("open.sh") == ("bad", f"{folder}/open.sh can be written by everybody; run chmod go-w {folder}/open.sh")
    assert right("none.sh") == ("warn", f"no such script: {folder}/none.sh")
    assert right("../good.sh")[0] == "bad"


def test_children_that_ignore_sigterm_end_at_the_timeout(folder: Path) -> None:
    child = "trap '' TERM INT HUP; while :; do sleep 0.1; done"
    text = f'#!/bin/sh\nfor n in 1 2 3; do sh -c "{child}" & echo $!; done\ntrap "" TERM\nwait\n'
    put(folder, "restart_main.sh", text)
    outcome = run(folder, timeout=0.6)
    assert (outcome.result, "was killed" in outcome.detail) == ("failed", True)
    pids = outcome.output.split()
    assert len(pids) == 3
    end = time.monotonic() + 5
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < end, "a child of the script lives on"
        time.sleep(0.02)


def alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_output_without_end_is_bounded(folder: Path) -> None:
    put(folder, "restart_main.sh", "#!/bin/sh\nyes\n")
    outcome = run(folder, timeout=0.4)
    assert (outcome.result, 0 < len(outcome.output) <= 4000) == ("failed", True)
