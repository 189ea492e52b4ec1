"""`heartbeat init`: what it writes loads, and nothing is ever overwritten by accident."""

import os
import stat
import tomllib
from pathlib import Path

import pytest

from heartbeat_cli.system import schedulers
from tests.parts.docker import RunContainer
from tests.parts.http import healthy_server
from tests.parts.verb import heartbeat

ROOT = Path(__file__).parents[2]


def test_the_example_is_written_for_its_owner_only(tmp_path: Path) -> None:
    ended = heartbeat(tmp_path, "init")
    written = tmp_path / "heartbeat.toml"
    assert (ended.code, ended.out) == (0, "")
    schema, _, text = written.read_text().partition("\n")
    assert text == (ROOT / "heartbeat.example.toml").read_text()
    assert schema == f"#:schema {(ROOT / 'docs/reference/heartbeat.schema.json').as_uri()}"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert "heartbeat check --all" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["heartbeat.toml"]
    assert heartbeat(tmp_path, "config", "check").code == 0


@pytest.mark.parametrize("words", [(), ("--discover",)])
def test_nothing_is_overwritten_without_force(tmp_path: Path, words: tuple[str, ...]) -> None:
    written = tmp_path / "heartbeat.toml"
    written.write_text("precious")
    ended = heartbeat(tmp_path, "init", *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "heartbeat: heartbeat.toml: is already there; --force overwrites it, -o FILE writes elsewhere\n"
    assert written.read_text() == "precious"
    written.chmod(0o644)
    assert heartbeat(tmp_path, "init", "--force", *words).code == 0
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert heartbeat(tmp_path, "config", "check").code == 0


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    (tmp_path / "heartbeat.toml").symlink_to(real)
    assert heartbeat(tmp_path, "init").code == 2  # even one that leads nowhere
    assert heartbeat(tmp_path, "init", "--force").code == 0
    assert (tmp_path / "heartbeat.toml").is_symlink()
    assert real.stat().st_size > 0


def test_elsewhere_and_in_a_new_folder(tmp_path: Path) -> None:
    ended = heartbeat(tmp_path, "init", "-o", "new/folder/mine.toml")
    assert ended.code == 0
    assert "heartbeat --config new/folder/mine.toml doctor" in ended.err
    assert heartbeat(tmp_path, "--config", "new/folder/mine.toml", "config", "check").code == 0


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = heartbeat(tmp_path, "init", "-o", "file/heartbeat.toml")
    assert (ended.code, ended.out, ended.err.count("\n")) == (3, "", 1)
    assert "cannot be written" in ended.err


def test_printed_it_goes_to_standard_output_alone(tmp_path: Path) -> None:
    ended = heartbeat(tmp_path, "init", "--discover", "-o", "-")
    assert ended.code == 0
    assert tomllib.loads(ended.out)["components"]["host"] == {"kind": "host"}
    assert "found host" in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("--discover",), ("--discover", "-o", "-"), ()])
@pytest.mark.parametrize("mailto", ["", "ops"])
def test_it_says_when_nobody_would_hear_of_an_alert(tmp_path: Path, words: tuple[str, ...], mailto: str) -> None:
    """What is found gets a console channel, which cron mails, if it may (MAILTO) and can (sendmail)."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/crontab").write_text(f"#!/bin/sh\necho 'MAILTO=\"{mailto}\"'\n")
    (tmp_path / "bin/crontab").chmod(0o755)
    ended = heartbeat(tmp_path, "init", *words, path=f"{tmp_path}/bin:{os.environ['PATH']}")
    text = ended.out or (tmp_path / "heartbeat.toml").read_text()
    heard = mailto != "" and os.access(schedulers.SENDMAIL, os.X_OK)
    assert ended.code == 0
    assert ("BAD: alerts are only printed, and " in ended.err) == (not heard)
    assert "or install a mail transfer agent (" in ended.err or heard
    assert ("\n# BAD: alerts are only printed, and " in text) == (bool(words) and not heard)
    if words and not heard:
        assert "#[channels.tg]\n" in text
        uncommented = text.replace("#[channels.", "[channels.").replace("#kind", "kind").replace("#host", "host")
        uncommented = uncommented.replace("#from", "from").replace("#to", "to").replace("#chat_id", "chat_id")
        (tmp_path / "telegram.token").write_text("1:a")
        (tmp_path / "filled.toml").write_text(uncommented.replace("#store", "#"))
        assert heartbeat(tmp_path, "--config", "filled.toml", "config", "check").code == 0


@pytest.mark.docker
def test_what_really_runs_is_found_and_can_be_checked(tmp_path: Path, run_container: RunContainer) -> None:
    name = run_container()
    with healthy_server() as server:
        ended = heartbeat(tmp_path, "init", "--discover", "--all-ports")
        assert ended.code == 0
        found = tomllib.loads((tmp_path / "heartbeat.toml").read_text())
        agents = [id_ for id_, one in found["components"].items() if one.get("url") == f"{server.url}/readyz"]
        assert f"found docker    {name}: " in ended.err
        assert found["components"][name] == {"kind": "docker", "container": name, "depends_on": ["docker-daemon"]}
        assert found["recovery"] == {"mode": "ask"}
        assert heartbeat(tmp_path, "config", "check").code == 0
        chosen = ("--component", name, "--component", agents[0], "--component", "host", "--component", "docker-daemon")
        checked = heartbeat(tmp_path, "check", *chosen)
        assert checked.out.count("healthy") + checked.out.count("degraded") == 4
        assert "unhealthy" not in checked.out


def test_a_device_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    ended = heartbeat(tmp_path, "init", "--force", "-o", "/dev/stdout")
    assert ended.code == 0
    assert ended.out.partition("\n")[2].startswith("# heartbeat: example configuration")
