"""What `doctor` says of a unit of the user's own: without lingering it ends when the user logs out."""

import os
import pwd
from pathlib import Path

from heartbeat_cli.actions import _systemd_rights


def test_a_user_who_does_not_linger_is_told() -> None:
    name = pwd.getpwuid(os.geteuid()).pw_name
    lingers = Path(f"/var/lib/systemd/linger/{name}").exists()
    found = _systemd_rights.judge(("systemctl",), True, False, "app.service", 1.0)
    assert (found.level, found.advice) == (("ok", "") if lingers else ("warn", f"loginctl enable-linger {name}"))
    assert "app.service is this user's own" in found.text


def test_of_another_machine_nothing_is_said() -> None:
    found = _systemd_rights.judge(("docker", "exec", "box", "systemctl"), True, False, "app.service", 1.0)
    assert found.level == "ok"
