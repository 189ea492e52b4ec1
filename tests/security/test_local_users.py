"""Another user of the same host, who can write in shared folders, gains nothing from what heartbeat does there."""

import os
import pwd
import select
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heartbeat_cli.system import offspring, portable, process
from heartbeat_cli.system.files import sweep
from tests.parts import acl, lacking, scratch, users
from tests.parts.verb import heartbeat

NOBODY = 65534


@pytest.fixture(autouse=True)
def root() -> None:
    """Only root can be another user, too."""
    if os.geteuid() != 0:
        lacking("root, since only root can be another user, too")


CONFIG = '[heartbeat]\nstate_dir = "{state}"\n[components.h]\nkind = "host"\n'


def as_nobody(*argv: str, **options: object) -> None:
    subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *argv], check=True, timeout=30, **options
    )


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that everybody may write, as /tmp or /srv/shared."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    for above in (tmp_path, *tmp_path.parents):
        if above.stat().st_uid == 0 and not above.stat().st_mode & 0o001 and "pytest" in str(above):
            above.chmod(0o711)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "home/hb.toml").write_text(CONFIG.format(state=tmp_path / "home/state"))
    return tmp_path / "home"


def test_a_strangers_configuration_in_the_current_folder_is_passed_over(shared: Path, home: Path) -> None:
    """Its commands would run as root, and `crontab --install` would keep them running."""
    evil = (
        '[heartbeat]\nstate_dir = "{0}/evil"\n[components.x]\nkind = "command"\ncommand = ["/bin/touch", "{0}/owned"]\n'
    )
    as_nobody("/bin/sh", "-c", f"cat > {shared}/heartbeat.toml", input=evil.format(shared).encode())
    for verb in (["check", "--all"], ["run"], ["crontab"], ["timer"], ["config", "show"]):
        done = heartbeat(shared, *verb, XDG_CONFIG_HOME=str(home), XDG_STATE_HOME=str(home))
        assert "./heartbeat.toml is passed over" in done.err and "belongs to nobody" in done.err, (verb, done)
        assert done.err.count("passed over") == 1
        assert "heartbeat.toml" not in done.out
    assert not (shared / "owned").exists() and not (shared / "evil").exists()


def test_our_own_configuration_in_a_folder_of_others_is_passed_over(tmp_path: Path, home: Path) -> None:
    """Who owns the folder can exchange the file."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "heartbeat.toml").write_text(CONFIG.format(state=home / "state"))
    os.chown(folder, NOBODY, NOBODY)
    done = heartbeat(folder, "config", "check", XDG_CONFIG_HOME=str(home), XDG_STATE_HOME=str(home))
    assert f"./heartbeat.toml is passed over: {folder} belongs to nobody" in done.err


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_named_configuration_that_others_may_write_is_refused(home: Path, mode: int) -> None:
    (home / "hb.toml").chmod(mode)
    done = heartbeat(home, "--config", "hb.toml", "check", "--all")
    assert done.code == 2 and f"run chmod go-w {home}/hb.toml" in done.err


def test_root_is_told_to_run_as_the_owner_of_a_configuration(home: Path) -> None:
    os.chown(home / "hb.toml", NOBODY, NOBODY)
    done = heartbeat(home, "--config", "hb.toml", "run")
    assert done.code == 2 and "run sudo -u nobody heartbeat …" in done.err


@pytest.mark.parametrize("verb", ["dashboard", "metrics", "report"])
def test_a_planted_link_is_not_written_through(shared: Path, home: Path, verb: str) -> None:
    (home / "precious").write_text("precious")
    (home / "precious").chmod(0o640)
    as_nobody("ln", "-s", str(home / "precious"), f"{shared}/out")
    done = heartbeat(home, "--config", "hb.toml", verb, "-o", f"{shared}/out")
    assert done.code == 3 and "is a link that belongs to nobody" in done.err, done
    assert (home / "precious").read_text() == "precious"
    assert stat.S_IMODE((home / "precious").stat().st_mode) == 0o640
    assert os.path.islink(shared / "out")


@pytest.mark.parametrize("verb", ["dashboard", "metrics", "report"])
def test_a_planted_link_on_the_way_is_not_followed(shared: Path, home: Path, verb: str) -> None:
    as_nobody("ln", "-s", str(home), f"{shared}/way")
    done = heartbeat(home, "--config", "hb.toml", verb, "-o", f"{shared}/way/out")
    assert done.code == 3 and "is a link that belongs to nobody" in done.err
    assert not (home / "out").exists()


def test_a_pipe_of_another_user_does_not_get_the_report(shared: Path, home: Path) -> None:
    as_nobody("mkfifo", f"{shared}/out")
    done = heartbeat(home, "--config", "hb.toml", "report", "-o", f"{shared}/out", timeout=60)
    assert done.code == 3 and "belongs to another user and is not a regular file" in done.err


@pytest.mark.parametrize("mode", [0o777, 0o1777], ids=["open", "sticky"])
@pytest.mark.parametrize("how", ["link", "link on the way", "second name", "pipe", "file"])
def test_the_file_channel_writes_into_nothing_that_is_planted(shared: Path, home: Path, how: str, mode: int) -> None:
    """A line of JSON in a file of root's, with words that a target chose, is as good as writing that file. Where
    fs.protected_hardlinks is 0, another user can give it a second name."""
    shared.chmod(mode)
    (home / "precious").write_text("precious")
    with (home / "hb.toml").open("a") as file:
        file.write(f'[channels.log]\nkind = "file"\npath = "{shared}/way/log"\n')
    if how != "link on the way":
        (shared / "way").mkdir()
        (shared / "way").chmod(mode)
    at = f"{shared}/way/log"
    if how == "second name":
        os.link(home / "precious", at)
    else:
        commands = {"link": ["ln", "-s", str(home / "precious"), at], "pipe": ["mkfifo", at], "file": ["touch", at]}
        as_nobody(*commands.get(how, ["ln", "-s", str(home), f"{shared}/way"]))
    done = heartbeat(home, "--config", "hb.toml", "notify", "--test", "log", timeout=60)
    assert (home / "precious").read_text() == "precious" and not (home / "log").exists()
    assert how != "file" or (shared / "way/log").stat().st_size == 0
    assert done.code == 1 and str(shared) in done.out, done


def test_our_own_link_on_the_way_is_followed(shared: Path, home: Path) -> None:
    (shared / "way").symlink_to(home)
    assert heartbeat(home, "--config", "hb.toml", "dashboard", "-o", f"{shared}/way/page.html").code == 0
    assert (home / "page.html").exists() and (shared / "way").is_symlink()


@pytest.mark.parametrize("name", ["status.html", "feed.atom", "status.json"])
@pytest.mark.parametrize("how", ["link", "link on the way", "pipe", "file"])
def test_the_status_page_is_written_through_nothing_that_is_planted(
    shared: Path, home: Path, name: str, how: str
) -> None:
    """A file of another user is replaced by ours, and never written into: he may have it open."""
    (home / "precious").write_text("precious")
    with (home / "hb.toml").open("a") as file:
        file.write(f'[status_page]\nfile = "{shared}/way/status.html"\n')
    if how != "link on the way":
        (shared / "way").mkdir()
        (shared / "way").chmod(0o777)
    at = f"{shared}/way/{name}"
    commands = {"link": ["ln", "-s", str(home / "precious"), at], "pipe": ["mkfifo", at], "file": ["touch", at]}
    as_nobody(*commands.get(how, ["ln", "-s", str(home), f"{shared}/way"]))
    planted = os.stat(at).st_ino if how == "file" else None
    done = heartbeat(home, "--config", "hb.toml", "run", timeout=60)
    assert done.code == 0 and (home / "precious").read_text() == "precious" and not (home / name).exists()
    if how == "file":
        found = os.stat(at)
        assert found.st_ino != planted and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o644
    else:
        assert "heartbeat: status page: " in done.err and "belongs to" in done.err


def test_a_pipe_among_the_badges_stops_no_pass(shared: Path, home: Path) -> None:
    with (home / "hb.toml").open("a") as file:
        file.write(f'[dashboard]\nbadges = "{shared}/badges"\n')
    (shared / "badges").mkdir(mode=0o777)
    (shared / "badges").chmod(0o777)
    as_nobody("mkfifo", f"{shared}/badges/old.svg", f"{shared}/badges/h.svg")
    done = heartbeat(home, "--config", "hb.toml", "run", timeout=60)
    assert "badges" in done.err or (shared / "badges/_all.svg").exists()
    assert heartbeat(home, "--config", "hb.toml", "status", timeout=60).code == 0, "the pass went on"


def test_what_the_dashboard_had_to_say_is_kept_in_no_link(shared: Path, home: Path) -> None:
    with (home / "hb.toml").open("a") as file:
        file.write('[dashboard]\nfile = "/proc/none/page.html"\n')
    heartbeat(home, "--config", "hb.toml", "check", "--all")
    (home / "precious").write_text("precious")
    (home / "state").chmod(0o700)
    (home / "state/dashboard.trouble").symlink_to(home / "precious")
    os.lchown(home / "state/dashboard.trouble", NOBODY, NOBODY)
    heartbeat(home, "--config", "hb.toml", "run")
    assert (home / "precious").read_text() == "precious"


@pytest.mark.parametrize("part", ["templates", "templates/alert.en.j2"])
def test_a_template_that_others_may_write_is_passed_over_and_the_message_goes_out(home: Path, part: str) -> None:
    templates = home / "templates"
    templates.mkdir()
    for kind in ("alert", "test"):
        (templates / f"{kind}.en.j2").write_text(
            "{% block title %}OWNED{% endblock %}{% block text %}OWNED{% endblock %}"
        )
    (home / part).chmod(0o777)
    (home / "hb.toml").write_text(
        f'[heartbeat]\nstate_dir = "{home}/state"\ntemplates = "{templates}"\n[components.h]\nkind = "host"\n'
        f'[channels.log]\nkind = "file"\npath = "{home}/log"\n'
    )
    done = heartbeat(home, "--config", "hb.toml", "notify", "--test", "log")
    assert (home / "log").exists(), done
    if part == "templates":
        assert "OWNED" not in (home / "log").read_text()


def test_a_users_template_reaches_nothing_but_its_values(home: Path) -> None:
    """It is a text, not a program."""
    from heartbeat_cli.errors import HeartbeatError
    from heartbeat_cli.views import templates

    own = home / "templates"
    own.mkdir()
    (own / "x.j2").write_text("{{ ''.__class__.__mro__[1].__subclasses__() | length }}")
    with pytest.raises(HeartbeatError, match=r"x\.j2"):
        templates.render("x.j2", {}, str(own))


def test_new_folders_are_private_under_any_umask(tmp_path: Path) -> None:
    (tmp_path / "hb.toml").write_text(CONFIG.format(state=tmp_path / "deep/er/state"))
    argv = [sys.executable, "-m", "heartbeat_cli", "--config", str(tmp_path / "hb.toml"), "run"]
    subprocess.run(["/bin/sh", "-c", 'umask 000; exec "$@"', "sh", *argv], timeout=60, check=False)
    for part in ("deep", "deep/er", "deep/er/state"):
        assert stat.S_IMODE((tmp_path / part).stat().st_mode) == 0o700


def test_the_folders_of_a_new_configuration_are_private_under_any_umask(tmp_path: Path) -> None:
    """In one that everybody may write, the configuration would be refused."""
    argv = [sys.executable, "-m", "heartbeat_cli", "init", "-o", str(tmp_path / "deep/er/hb.toml")]
    subprocess.run(["/bin/sh", "-c", 'umask 000; exec "$@"', "sh", *argv], timeout=60, check=True)
    for part in ("deep", "deep/er"):
        assert stat.S_IMODE((tmp_path / part).stat().st_mode) == 0o700


@pytest.fixture
def badges(home: Path, shared: Path) -> Path:
    """The badges' folder, in one of another user, who can put anything in its place."""
    theirs = shared / "theirs"
    as_nobody("mkdir", str(theirs))
    with (home / "hb.toml").open("a") as file:
        file.write(f'[dashboard]\nbadges = "{theirs}/badges"\n')
    return theirs / "badges"


def test_a_folder_full_of_names_costs_a_pass_no_memory(home: Path, badges: Path) -> None:
    """More names than there is memory for may stand in a folder of another user."""
    assert heartbeat(home, "--config", "hb.toml", "dashboard").code == 0
    as_nobody("mv", str(badges), f"{badges.parent}/old")
    as_nobody("mkdir", str(badges))
    as_nobody("sh", "-c", f"cd {badges} && seq 1 150000 | sed 's/$/.svg/' | xargs touch")
    peak = (  # getrusage would give the peak of the process that started this one, if that is higher
        "import re, sys\nfrom pathlib import Path\nfrom heartbeat_cli import cli\n"
        "sys.argv = ['heartbeat', *sys.argv[1:]]\ncode = cli.run()\n"
        "print(code, int(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1]) // 1024)"
    )
    argv = [sys.executable, "-c", peak, "--config", "hb.toml", "run"]
    done = subprocess.run(argv, cwd=home, capture_output=True, text=True, timeout=60, check=True)
    code, megabytes = map(int, done.stdout.split())
    assert code == 0 and megabytes < 60, done.stdout
    assert heartbeat(home, "--config", "hb.toml", "status").code == 0


def test_no_badge_is_removed_elsewhere_when_the_folder_is_exchanged(home: Path, badges: Path) -> None:
    """Between the look at a file and its removal another folder, ours, comes into the place of the badges'."""
    from heartbeat_cli.commands import _page
    from heartbeat_cli.views.badges import SIGN

    badges.mkdir()
    (badges / "old.svg").write_text(SIGN)
    (home / "old.svg").write_text(f"{SIGN} precious")
    exchanged = []

    class Names(set[str]):
        """Asked whether a name is still made after the folder was read: the moment of the exchange."""

        def __contains__(self, name: object) -> bool:
            as_nobody("mv", str(badges), f"{badges.parent}/moved")
            as_nobody("ln", "-s", str(home), str(badges))
            exchanged.append(name)
            return False

    _page._remove_others(badges, Names(), SIGN)
    assert exchanged == ["old.svg"] and (home / "old.svg").exists()
    assert not (badges.parent / "moved/old.svg").exists(), "the badge itself is removed where it is now"


HALF = ".page.html.4711.new"


def half_written(folder: Path) -> Path:
    """What a writer that was killed two hours ago has left in a folder."""
    (folder / HALF).touch()
    os.utime(folder / HALF, (time.time() - 7_200,) * 2)
    return folder / HALF


def test_no_half_written_file_is_swept_elsewhere(home: Path, badges: Path) -> None:
    """Where the folder of the page is a link of another user's, or the file is another user's, nothing is removed."""
    theirs, private = badges.parent, home / "private"
    private.mkdir()
    precious, own = half_written(private), half_written(theirs)
    as_nobody("touch", "-d", "2 hours ago", str(theirs / ".mine.4712.new"))
    as_nobody("ln", "-s", str(private), str(theirs / "link"))
    sweep([theirs / "link", theirs], time.time(), time.monotonic() + 60)
    assert precious.exists() and (theirs / ".mine.4712.new").exists() and not own.exists()


def test_a_folder_full_of_half_written_names_costs_the_daily_sweep_no_memory(home: Path, badges: Path) -> None:
    badges.mkdir()
    os.chown(badges, NOBODY, NOBODY)
    name = f".{'a' * 200}%06.0f.1.new"
    as_nobody("sh", "-c", f"cd {badges} && seq -f {name} 1 150000 | xargs touch -d '2 hours ago'")
    peak = (
        "import re, sys, time\nfrom pathlib import Path\nfrom heartbeat_cli.system.files import sweep\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1])\n"
        "before = peak()\nsweep([sys.argv[1]], time.time(), time.monotonic() + 60)\nprint(peak() - before)"
    )
    argv = [sys.executable, "-c", peak, str(badges)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) < 10_000, "kilobytes"


def test_the_daily_sweep_ends_with_its_time(tmp_path: Path) -> None:
    half = half_written(tmp_path)
    sweep([tmp_path], time.time(), time.monotonic())
    assert half.exists()
    sweep([tmp_path], time.time(), time.monotonic() + 60)
    assert not half.exists()


@pytest.mark.parametrize("key", ["agent ca_file", "agent cert_file", "agent key_file", "tcp ca_file", "email ca_file"])
def test_a_pipe_in_the_place_of_a_certificate_stops_no_pass(home: Path, key: str) -> None:
    """A library would wait at it for ever, whatever the timeout, and the pass would keep its lock."""
    os.mkfifo(home / "ca.pem")
    kind, name = key.split()
    place = 'url = "https://127.0.0.1:9/"' if kind == "agent" else 'host = "127.0.0.1"\ntls = true\nport = {port}'
    table = "[components.x]" if kind != "email" else '[components.h]\nkind = "push"\nperiod = 60\n[channels.x]'
    if kind == "email":
        place = 'host = "127.0.0.1"\nport = 9\nsecurity = "tls"\nfrom = "a@b.c"\nto = ["d@e.f"]'
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = place.replace("{port}", str(server.getsockname()[1]))
        (home / "hb.toml").write_text(
            f'[heartbeat]\nstate_dir = "{home}/state"\n{table}\nkind = "{kind}"\n{place}\n{name} = "{home}/ca.pem"\n'
        )
        verb = ["notify", "--test", "x"] if kind == "email" else ["check", "--format", "json"]
        done = heartbeat(home, "--config", "hb.toml", *verb, timeout=20)
    assert "is a pipe, and not a file" in done.out + done.err, done


_HIDES = (
    "import ctypes, time; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); print(flush=True); time.sleep(60)"  # PR_SET_DUMPABLE
)


@pytest.mark.parametrize("mark", ["HEARTBEAT_PID", "HEARTBEAT_STEP"])
def test_a_strangers_process_is_nobodys_offspring(mark: str) -> None:
    """Not even one whose files in /proc belong to root, because it has said that it must not be dumped."""
    argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-I", "-S", "-c", _HIDES]
    with subprocess.Popen(argv, env={mark: "1234567"}, stdout=subprocess.PIPE, cwd="/") as other:
        assert other.stdout is not None
        other.stdout.readline()
        seen = os.stat(f"/proc/{other.pid}/environ").st_uid, process.owner(f"/proc/{other.pid}")
        until = time.monotonic() + 60
        found = offspring.left_by(1_234_567, until), offspring.started_by("1234567", until)
        other.kill()
    assert (seen, found) == ((0, 65534), (False, None))


def test_the_names_of_the_biggest_processes_are_the_kernels(tmp_path: Path) -> None:
    """Not completed from the command line, which its owner writes, and whose reading he can have wait for ever."""
    program = tmp_path / "a_name_of_more_than_fifteen"
    program.symlink_to("/bin/sh")
    with subprocess.Popen([str(program), "-c", "while :; do :; done"]) as busy:
        try:
            found = portable.biggest("cpu", 5.0, most=50)
        finally:
            busy.kill()
    assert f"a_name_of_more_ (pid {busy.pid})" in found


@pytest.mark.parametrize("part", ["hb.toml", "conf"])
def test_an_access_control_list_makes_a_private_group_one_of_others(part: str) -> None:
    """Its mask shows as the group's rights, and the user's own group counts as the user."""
    one = pwd.getpwnam("www-data")  # alone in his group
    with scratch.open_to_others() as place:
        folder, config = place / "conf", place / "conf/hb.toml"
        folder.mkdir()
        config.write_text(CONFIG.format(state=folder / "state"))
        for path, mode in ((folder, 0o775), (config, 0o664)):
            os.chown(path, one.pw_uid, one.pw_gid)
            path.chmod(mode)
        verbs = [["--config", str(config), "config", "check"], ["--config", str(config), "doctor"]]
        assert users.heartbeats(one.pw_uid, folder, verbs)[0].code == 0
        listed = folder if part == "conf" else config
        acl.let_write(listed, NOBODY)
        ended = users.heartbeats(one.pw_uid, folder, verbs)
    why = f"{listed} can be written by others, whom its access control list names; run setfacl -b {listed}"
    assert [(done.code, why in done.out + done.err) for done in ended] == [(2, True)] * 2, ended


_EXCHANGED = """
import os, sys, time
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _source_local
from heartbeat_cli.monitors._sources import FileSource
path, pipe = sys.argv[1:]

def exchange(event, details):
    if event == "open" and details[0] == path and not os.path.islink(path):
        os.rename(path, f"{path}.old")
        os.symlink(pipe, path)

sys.addaudithook(exchange)
try:
    print(_source_local.read(FileSource(path, "lines"), time.monotonic() + 20))
except Unobservable as error:
    print(error)
"""


def test_a_file_that_is_exchanged_before_it_is_opened_wakes_no_pipe(shared: Path) -> None:
    """Who may write in the folder exchanges it at the worst moment, here for a pipe at which a writer waits."""
    path, pipe = shared / "app.log", shared / "pipe"
    path.write_text("one\ntwo\n")
    os.mkfifo(pipe)
    argv = [sys.executable, "-c", _EXCHANGED, str(path), str(pipe)]
    with subprocess.Popen(["/bin/sh", "-c", 'echo "waiting $0" && echo job > "$0"', pipe], stdout=-1) as writer:
        assert writer.stdout is not None and writer.stdout.readline()
        said = subprocess.run(argv, check=True, timeout=60, capture_output=True, text=True).stdout
        handle = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # now there is a reader, and nobody has been before
        try:
            ready, _, _ = select.select([handle], [], [], 20)
            got = os.read(handle, 100) if ready else b""
        finally:
            os.close(handle)
            writer.kill()
    assert (said, got) == (f"{path}: is not a regular file\n", b"job\n")
