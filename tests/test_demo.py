"""`make run` shows a pass, and says what comes next."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.whole
def test_the_next_step_is_named(tmp_path: Path) -> None:
    """Every command that it names is one that there is."""
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    (tmp_path / "heartbeat.toml").write_text('[components.thing]\nkind = "command"\ncommand = ["/bin/true"]\n')
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [ROOT / "scripts/demo"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert (tmp_path / "out/dashboard.html").is_file()
    _, _, after = done.stdout.partition("Open out/dashboard.html in a browser. Next:\n")
    verbs = [line.split()[1] for line in after.splitlines() if line.strip()]
    assert verbs == ["init", "config", "doctor", "crontab"]
