"""`heartbeat metrics` as a person and as cron start it."""

from pathlib import Path

from tests.parts.verb import heartbeat
from tests.views.test_prometheus import read

CONFIG = """
[heartbeat]
state_dir = "state"
[components.host]
kind = "host"
[components.port]
kind = "tcp"
host = "127.0.0.1"
port = 9
"""


def configured(folder: Path) -> Path:
    (folder / "heartbeat.toml").write_text(CONFIG)
    return folder


def test_figures_are_printed_before_and_after_the_first_pass(tmp_path: Path) -> None:
    configured(tmp_path)
    before = heartbeat(tmp_path, "metrics")
    assert (before.code, before.err) == (0, "")
    assert read(before.out).value("heartbeat_component_state", component="port", state="unknown") == 1
    assert heartbeat(tmp_path, "run").code == 0
    found = read(heartbeat(tmp_path, "metrics").out)
    assert found.value("heartbeat_component_status", component="port", status="error") == 1
    assert found.value("heartbeat_last_pass_looks") == 2
    assert 0 <= found.value("heartbeat_metric_memory_used_ratio", component="host") <= 1


def test_a_file_is_replaced_whole_and_readable_by_the_collector(tmp_path: Path) -> None:
    target = configured(tmp_path) / "heartbeat.prom"
    target.write_text("old")
    target.chmod(0o600)
    held = target.open()
    assert heartbeat(tmp_path, "metrics", "-o", str(target)) == (0, "", "")
    read(target.read_text())
    assert held.read() == "old", "whoever had it open still reads the old file: it was replaced, not rewritten"
    held.close()
    assert target.stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in tmp_path.glob("*.prom*")) == ["heartbeat.prom"]


def test_a_file_that_cannot_be_written_is_one_line_and_exit_code_3(tmp_path: Path) -> None:
    configured(tmp_path)
    ended = heartbeat(tmp_path, "metrics", "-o", str(tmp_path / "none/heartbeat.prom"))
    assert ended.code == 3 and ended.out == ""
    assert ended.err == f"heartbeat: {tmp_path}/none/heartbeat.prom: cannot be written: No such file or directory\n"
