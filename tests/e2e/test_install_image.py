"""The container image of the manual, built from its Dockerfile on a bare Debian without a network and started with the
options of the manual: from nothing to the first alert, with a container and a unit of the host watched from it."""

import io
import os
import shlex
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from heartbeat_cli.store.sql import database
from tests.parts import install
from tests.parts.docker import RunContainer, docker, unique
from tests.parts.http import healthy_server
from tests.parts.manual import blocks
from tests.parts.postgres import Server
from tests.parts.systemd import SystemdBox, booted

pytestmark = pytest.mark.docker

_PAGE = "recipes/container.md"
_BUILD, _RUN, _DOCKER, _UNITS = (block.replace("\\\n", " ") for block in blocks(_PAGE, "sh"))
_SOCKET = "/var/run/docker.sock"
_POD = 10001  # the user and group of the image, and of the manual's CronJob


def build(tag: str, files: dict[str, Path | str], *options: str) -> str:
    """An image from these files by their names, built without a network; its name."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, content in files.items():
            data = content.read_bytes() if isinstance(content, Path) else content.encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    argv = ["docker", "build", "--quiet", "--network=none", "--tag", tag, *options, "-"]
    done = subprocess.run(argv, input=context.getvalue(), capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return tag


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the bus of the host, where another container can be given it."""
    folder = tmp_path_factory.mktemp("bus")
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def box(bus: Path) -> Iterator[SystemdBox]:
    """The host: its units are watched, and it receives the messages."""
    with booted(more=(f"--volume={bus}:/run/dbus",), image=install.DEBIAN) as found:
        install.receive(found.name)
        found.service("worker.service", "ExecStart=sleep 100000")
        yield found


@pytest.fixture(scope="module")
def image(box: SystemdBox) -> Iterator[str]:
    """Built as the page says."""
    line = _BUILD.partition("tar -c ")[2]
    base, tag = unique("base"), unique("image")
    wheels = {f"wheels/{path.name}": path for path in install.wheels().glob("*.whl")}
    build(base, {"Dockerfile": f"FROM {install.DEBIAN}\nCOPY wheels /wheels\n", **wheels})
    names = shlex.split(line.partition("|")[0])
    files = {str(path.relative_to(install.ROOT)): path for name in names for path in install.ROOT.glob(name)}
    words = shlex.split(line.partition("docker build ")[2])
    offline = [f"--build-arg={one}" for one in (f"BASE={base}", "PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels")]
    try:
        yield build(tag, dict(files), *words[: words.index("--tag")], *offline)
    finally:
        subprocess.run(["docker", "rmi", "--force", tag, base], capture_output=True, timeout=60, check=False)


@pytest.fixture
def options(box: SystemdBox, tmp_path: Path) -> Iterator[list[str]]:
    """Those of the page, with folders and a network of the test in the place of the host's."""
    (line,) = (one for one in _RUN.splitlines() if "docker run" in one)
    words = shlex.split(line)[2:]
    etc, volume = tmp_path / "heartbeat", unique("state")
    etc.mkdir()
    instead = {
        "--network=host": f"--network=container:{box.name}",
        "--volume=/etc/heartbeat:/etc/heartbeat:ro": f"--volume={etc}:/etc/heartbeat:ro",
        "--volume=heartbeat:/var/lib/heartbeat": f"--volume={volume}:/var/lib/heartbeat",
    }
    assert instead.keys() < set(words) and "--read-only" in words
    at = words.index("--name")
    yield [instead.get(one, one) for one in (*words[:at], *words[at + 2 : -1])]
    subprocess.run(["docker", "volume", "rm", "--force", volume], capture_output=True, timeout=60, check=False)


def configure(options: list[str], text: str) -> None:
    (etc,) = (one for one in options if one.endswith(":/etc/heartbeat:ro"))
    Path(etc.split("=")[1].split(":")[0], "heartbeat.toml").write_text(f'[heartbeat]\nobserver = "here"\n{text}')


def heartbeat(image: str, options: list[str], *words: str) -> str:
    """What it prints, on both streams."""
    argv = ["docker", "run", *options, "--name", unique("pass"), image, *words]
    done = subprocess.run(argv, stdout=-1, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    return done.stdout


def test_from_nothing_to_the_first_alert(box: SystemdBox, image: str, options: list[str]) -> None:
    configure(options, install.watches_port("first", 9001))
    heartbeat(image, options)
    install.wait_for_alert(box.name, "first", 1)
    heartbeat(image, options)
    assert install.received(box.name).count("first ") == 1  # the second pass has the memory of the first
    assert "fault" in heartbeat(image, options, "status")
    assert docker("run", "--rm", "--entrypoint=id", image) == "uid=10001 gid=10001 groups=10001"


def test_containers_by_the_socket_of_docker(image: str, options: list[str], run_container: RunContainer) -> None:
    name = run_container()
    configure(options, f'[components.gateway]\nkind = "docker"\ncontainer = "{name}"\n')
    assert "no permission to open" in heartbeat(image, [*options, f"--volume={_SOCKET}:{_SOCKET}"], "check", "--all")
    group = docker("run", "--rm", f"--volume={_SOCKET}:{_SOCKET}", install.DEBIAN, "stat", "-c", "%g", _SOCKET)
    more = shlex.split(_DOCKER.replace(f"$(stat -c %g {_SOCKET})", group))
    assert more[0] == f"--volume={_SOCKET}:{_SOCKET}"
    assert "healthy" in heartbeat(image, [*options, *more], "check", "--all")


def test_units_by_the_bus_of_the_host(
    box: SystemdBox, bus: Path, image: str, options: list[str], tmp_path: Path
) -> None:
    """Debian's base has `systemctl` already."""
    more = shlex.split(_UNITS.replace("=/run/dbus/", f"={bus}/").replace("=/run/systemd/system:", f"={tmp_path}:"))
    configure(options, '[components.worker]\nkind = "service"\nunit = "worker.service"\n')
    assert "cannot ask systemd" in heartbeat(image, [*options, *more], "check", "--all")
    box.shell("useradd --system --uid 10001 hb")
    assert "inactive" in heartbeat(image, [*options, *more], "check", "--all")
    box.systemctl("start", "worker.service")
    assert "healthy" in heartbeat(image, [*options, *more], "check", "--all")


def kubelet_folder(path: Path, files: dict[str, str], mode: int) -> Path:
    """A folder as a kubelet mounts a ConfigMap or a Secret: links to the files of the present version, of the group
    that fsGroup names."""
    (path / "..now").mkdir(parents=True)
    (path / "..data").symlink_to("..now")
    for name, text in files.items():
        file = path / "..now" / name
        file.write_text(text)
        file.chmod(mode)
        (path / name).symlink_to(f"..data/{name}")
    for one in (path, *path.rglob("*")):
        os.chown(one, 0, _POD, follow_symlinks=False)
    path.chmod(0o3777)
    return path


def test_passes_of_the_cronjob_are_in_the_store(image: str, tmp_path: Path) -> None:
    """Under the rules of the manual's manifest, folders as a kubelet makes them, and a real PostgreSQL as store; CPU
    and processes, which a namespace and a node may limit, are limited, too."""
    parts = {one["kind"]: one for one in yaml.safe_load_all(blocks("recipes/kubernetes.md", "yaml")[0])}
    pod = parts["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    memory = container["resources"]["limits"]["memory"].removesuffix("i").lower()
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 0, pod["securityContext"]["fsGroup"])
    state.chmod(0o2775)
    with Server() as server, healthy_server() as web:
        text = parts["ConfigMap"]["data"]["heartbeat.toml"]
        text = text.replace("http://openclaw-main.agents.svc:8000", web.url).replace(
            "recovery =", "interval = 0.01\n    recovery ="
        )
        etc = kubelet_folder(tmp_path / "etc", {"heartbeat.toml": text}, 0o644)
        (etc / "secrets").mkdir()
        # Unlike a pod it shares the network of the host, whose users have no names in the image.
        store = f"{server.dsn()}&requirepeer={Path(server.home).stat().st_uid}"
        secrets = kubelet_folder(tmp_path / "secrets", {"store": store, "telegram": "123:ABC"}, 0o440)
        volumes = {"config": f"{etc}:", "secrets": f"{secrets}:", "state": f"{state}:"}
        options = [
            *("--rm", "--network=host", f"--user={pod['securityContext']['runAsUser']}:{_POD}", "--read-only"),
            *("--cap-drop=ALL", "--security-opt=no-new-privileges", f"--memory={memory}", f"--memory-swap={memory}"),
            *("--cpus=0.5", "--pids-limit=64"),
        ]
        for one in container["volumeMounts"]:
            only = ":ro" if one.get("readOnly") else ""
            options.append(f"--volume={volumes[one['name']]}{one['mountPath']}{only}")
        for _ in range(2):
            assert heartbeat(image, options, *container["args"]) == ""
        with closing(database.connect(server.dsn(), 10.0)) as db:
            rows = db.rows("SELECT component, status, observer FROM heartbeat_logs")
            assert db.rows("SELECT count(*) FROM heartbeat_gaps") == [(0,)]
    assert rows == [("main", "healthy", "cluster")] * 2
    assert [path.name for path in state.rglob("mirror.json")] == ["mirror.json"]
