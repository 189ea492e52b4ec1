"""The example package: its tests pass beside heartbeat's wheel, its types are right, and real cron watches by it."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.parts import wheel
from tests.parts.wheel import ROOT, Installed

EXAMPLE = ROOT / "examples/heartbeat-plugin-homelab"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    found = wheel.install(tmp_path_factory.mktemp("plugin"))
    found.add(EXAMPLE)
    return found


def run(installed: Installed, folder: Path, *words: str) -> None:
    argv = [str(installed.python), "-m", *words]
    # A pytest that begins closes the folder of all test folders to other users; tests beside this one have some in it.
    environment = {**os.environ, "PYTEST_DEBUG_TEMPROOT": str(folder)}
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_own_tests_pass_beside_the_wheel(installed: Installed, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    run(installed, tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "tests")


def test_it_is_typed_strictly_against_the_wheel(installed: Installed, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(EXAMPLE / "pyproject.toml", tmp_path)
    run(installed, tmp_path, "mypy", "--cache-dir", str(tmp_path / "cache"))
    wrong = tmp_path / "src/heartbeat_plugin_homelab/ups.py"
    wrong.write_text(wrong.read_text().replace('Reading("degraded"', 'Reading("ill"', 1))
    with pytest.raises(AssertionError, match='"Literal'):
        run(installed, tmp_path, "mypy", "--cache-dir", str(tmp_path / "cache"))


@pytest.mark.cron
def test_cron_watches_by_it(installed: Installed, cron_file: Path, tmp_path: Path) -> None:
    """No `upsd` answers: cron's passes find a fault, and the alert goes out by the channel of the package."""
    from tests.parts.postgres import free_port
    from tests.parts.tcp_sink import listening

    with listening() as sink:
        config = tmp_path / "heartbeat.toml"
        config.write_text(
            f'[heartbeat]\nstate_dir = "{tmp_path}/state"\nstrategy = "aggressive"\n'
            f'[components.ups]\nkind = "ups"\nhost = "127.0.0.1"\nport = {free_port()}\ninterval = 10\n'
            "fail_threshold = 1\nretries = 0\n"
            f'[channels.log]\nkind = "syslog"\nhost = "127.0.0.1"\nport = {sink.port}\n'
        )
        made = installed.heartbeat(tmp_path, "--config", str(config), "crontab")
        assert made.returncode == 0, made.stderr
        cron_file.write_text(made.stdout.replace("* * * * * ", "* * * * * root "))
        until = time.monotonic() + 180  # cron's grain is a minute
        # A discovery that another test makes asks every server of this host, this one, too.
        while b"ups is down" not in sink.got.get(timeout=max(0.1, until - time.monotonic())):
            pass
