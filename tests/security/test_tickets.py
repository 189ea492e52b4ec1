"""Kerberos' tickets in /tmp, where any user can put a file of that name: libpq looks for them before TLS is spoken."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from heartbeat_cli.postgres import foreign_files, libpq
from tests.parts import scratch, users
from tests.parts.postgres_answers import answering

_CONNECT = """
import sys, time
from heartbeat_cli.postgres import libpq
try:
    libpq.connect(sys.argv[1], deadline=time.monotonic() + 5).close()
    print("connected")
except libpq.Trouble as trouble:
    print(trouble)
"""


@pytest.mark.parametrize(("uid", "more"), [(61_301, ""), (61_302, "&gssencmode=prefer")])
def test_a_pipe_in_the_place_of_our_tickets_stops_no_pass(uid: int, more: str) -> None:
    users.need_root()
    tickets = Path(f"/tmp/krb5cc_{uid}")
    tickets.unlink(missing_ok=True)
    os.mkfifo(tickets, 0o666)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "KRB"))}
    argv = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", sys.executable, "-c", _CONNECT]
    try:
        with answering(lambda query: []) as port:
            argv += [f"postgresql://u@127.0.0.1:{port}/x?sslmode=disable{more}"]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=kept, check=True)
    finally:
        tickets.unlink()
    assert done.stdout, "it came to an end"


def test_encryption_by_kerberos_does_not_come_before_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGGSSENCMODE", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    assert libpq._parsed("postgresql://u@h/x?sslmode=verify-full")["gssencmode"] == "disable"
    assert libpq._parsed("postgresql://u@h/x?gssencmode=require")["gssencmode"] == "require"
    assert "gssencmode" not in libpq._parsed("service=of-the-user"), "which may ask for it"


@pytest.mark.parametrize(
    ("said", "file"),
    [
        ("", f"/tmp/krb5cc_{os.getuid()}"),
        ("[libdefaults]\n default_ccache_name = FILE:/run/x/%{uid}\n", f"/run/x/{os.getuid()}"),
        ("[libdefaults]\n default_ccache_name = KEYRING:persistent:%{uid}\n", None),
        ("includedir {folder}/more\n", None),
    ],
)
def test_where_the_tickets_are_is_said_by_kerberos(
    tmp_path: Path, said: str, file: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more/kcm").write_text("[libdefaults]\ndefault_ccache_name = KCM:\n")
    (tmp_path / "krb5.conf").write_text(said.replace("{folder}", str(tmp_path)))
    monkeypatch.setenv("KRB5_CONFIG", str(tmp_path / "krb5.conf"))
    assert foreign_files.ticket_file() == file


def test_a_file_of_ones_own_is_used(tmp_path: Path) -> None:
    scratch.let_others_in(tmp_path)
    mine, link, pipe = tmp_path / "mine", tmp_path / "link", tmp_path / "pipe"
    mine.write_text("")
    os.mkfifo(pipe)
    link.symlink_to(mine)
    assert foreign_files._is_ours(str(mine)) and foreign_files._is_ours(str(tmp_path))
    for other in (link, pipe, tmp_path / "none"):
        assert not foreign_files._is_ours(str(other)), json.dumps(str(other))
