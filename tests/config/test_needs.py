"""What a configuration needs of the machine, as its kinds say it."""

from pathlib import Path

import pytest

from heartbeat_cli.config import load
from heartbeat_cli.config.needs import needed
from heartbeat_cli.domain.needs import Needs

HEAD = '[heartbeat]\nstate_dir = "/state"\nobserver = "here"\n'
AGENT = '[components.main]\nkind = "agent"\nurl = "http://localhost:8000/health"\n'
UNIT = '[components.web]\nkind = "service"\nunit = "nginx"\n'
PROGRAM, ANYTHING = Needs(programs=True), Needs(programs=True, lives_on=True)


def needs_of(folder: Path, text: str) -> Needs:
    path = folder / "heartbeat.toml"
    path.write_text(HEAD + text)
    return needed(load.read(path))


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        (AGENT, Needs()),
        (UNIT, Needs()),
        ('[components.host]\nkind = "host"\n', Needs(filesystems=True)),
        ('[components.gpu]\nkind = "gpu"\n', Needs(devices=True)),
        ('[components.x]\nkind = "command"\ncommand = ["/bin/true"]\n', PROGRAM),
        ('[components.x]\nkind = "mcp"\ncommand = ["npx", "server"]\n', PROGRAM),
        ('[components.x]\nkind = "mcp"\nurl = "http://localhost:1/mcp"\n', Needs()),
        ('[components.x]\nkind = "budget"\nlimit = 1\nspent = { command = ["/bin/spent"] }\n', PROGRAM),
        ('[components.x]\nkind = "progress"\ndone = { command = ["/bin/done"] }\n', PROGRAM),
        ('[components.x]\nkind = "log"\npath = "/var/log/syslog"\ncontains = "x"\n', Needs()),
        (f'{UNIT}systemctl = ["sudo", "-n", "systemctl"]\n', PROGRAM),
        (f'{UNIT}recovery = {{ ladder = [{{ action = "systemd", unit = "nginx", sudo = true }}] }}\n', PROGRAM),
        (f'{UNIT}recovery = {{ ladder = [{{ action = "command", command = ["/bin/x"] }}] }}\n', ANYTHING),
        (f'{UNIT}recovery = {{ mode = "ask", ladder = [{{ action = "command", command = ["/bin/x"] }}] }}\n', ANYTHING),
        (f'{UNIT}recovery = {{ mode = "off", ladder = [{{ action = "command", command = ["/bin/x"] }}] }}\n', Needs()),
        (f'{UNIT}recovery = {{ drain = {{ command = ["/bin/x"] }} }}\n', ANYTHING),
        (f'{UNIT}healer = "there"\nrecovery = {{ ladder = [{{ action = "command", command = ["/bin/x"] }}] }}\n',
         Needs()),
        ('[components.x]\nkind = "command"\ncommand = ["/bin/true"]\nobserver = "there"\n', Needs()),
        (f'[recovery]\nscripts = "/etc/scripts"\n{AGENT}', ANYTHING),
        ('[components.boxes]\nkind = "docker"\nmatch = { name = "a*" }\n', Needs()),
        ('[recovery]\nscripts = "/etc/scripts"\n[components.boxes]\nkind = "docker"\nmatch = { name = "a*" }\n',
         ANYTHING),
        ('[channels.log]\nkind = "file"\npath = "/srv/log/told.jsonl"\n', Needs(writes=("/srv/log",))),
        ('[dashboard]\nfile = "/srv/www/a.html"\nbadges = "/srv/badges"\n[status_page]\nfile = "/srv/pub/s.html"\n',
         Needs(writes=("/srv/badges", "/srv/pub", "/srv/www"))),
        ('[dashboard]\nfile = "/dev/stdout"\n', Needs()),
    ],
)  # fmt: skip
def test_what_is_needed(tmp_path: Path, text: str, needs: Needs) -> None:
    assert needs_of(tmp_path, text) == needs


def test_the_folder_of_a_store_of_its_own_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    text = f'store = "sqlite:///{tmp_path}/link/heartbeat.db"\n'
    assert needs_of(tmp_path, text) == Needs(writes=(str(tmp_path),))
