"""What others spend on the same HTTP checks, for `many`: each only where it is installed, all on loopback.

Nagios starts a process for each check, 32 at a time here. blackbox_exporter stays resident and is asked for each check
over HTTP; who asks is not counted. Monit stays resident, too, and its second cycle is measured: the first one pays for
its start. None of them stores what it saw; Monit alone keeps states.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

from bench._http import asked
from bench._measure import Cost, cost

_CHECK_HTTP = ("/usr/lib/nagios/plugins/check_http", "/usr/lib64/nagios/plugins/check_http")
_AT_ONCE = 32
_TICKS = os.sysconf("SC_CLK_TCK")
_TOO_LONG = 120.0  # seconds

NAGIOS, BLACKBOX, MONIT = "check_http, 32 at a time", "blackbox_exporter, resident", "monit, resident"


def peers(stack: ExitStack, folder: Path, url: str, number: int) -> tuple[Mapping[str, Callable[[], Cost]], list[str]]:
    """What there is to measure, by name, and the names of what is not installed."""
    runs: dict[str, Callable[[], Cost]] = {}
    plugin = next((path for path in _CHECK_HTTP if os.access(path, os.X_OK)), None)
    exporter = shutil.which("prometheus-blackbox-exporter") or shutil.which("blackbox_exporter")
    monit = shutil.which("monit")
    if plugin:
        runs[NAGIOS] = lambda: cost(_check_http(plugin, folder, url, number))
    if exporter:
        runs[BLACKBOX] = stack.enter_context(_blackbox(exporter, folder, url, number))
    if monit:
        config = _monit(folder, url, number)
        runs[MONIT] = lambda: _second_cycle([monit, "-I", "-c", str(config)], url, number)
    return runs, [name for name in (NAGIOS, BLACKBOX, MONIT) if name not in runs]


def _check_http(plugin: str, folder: Path, url: str, number: int) -> list[str]:
    place, paths = urlsplit(url), folder / "paths"
    paths.write_text("".join(f"/0/c{one}\n" for one in range(number)))
    each = [plugin, "-H", str(place.hostname), "-p", str(place.port), "-t", "10", "-u"]
    return [str(shutil.which("xargs")), "-a", str(paths), "-P", str(_AT_ONCE), "-n", "1", *each]


@contextmanager
def _blackbox(program: str, folder: Path, url: str, number: int) -> Iterator[Callable[[], Cost]]:
    config = folder / "blackbox.yml"
    config.write_text("modules:\n  http_2xx:\n    prober: http\n    timeout: 10s\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = f"127.0.0.1:{free.getsockname()[1]}"
    argv = [program, f"--config.file={config}", f"--web.listen-address={place}", "--log.level=error"]
    probes = [f"http://{place}/probe?module=http_2xx&target={quote(f'{url}/0/c{one}')}" for one in range(number)]

    def ask(probe: str) -> bool:
        with urlopen(probe) as answer:
            return b"\nprobe_success 1" in answer.read()

    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            _until(lambda: _answers(place))
            with ThreadPoolExecutor(_AT_ONCE) as askers:

                def measured() -> Cost:
                    spent, begun = _spent(child.pid), time.perf_counter()
                    assert all(askers.map(ask, probes)), "a probe failed"
                    wall = time.perf_counter() - begun
                    return Cost(_spent(child.pid) - spent, wall, _peak(child.pid))

                yield measured
        finally:
            child.kill()


def _monit(folder: Path, url: str, number: int) -> Path:
    place, path = urlsplit(url), folder / "monitrc"
    files = "".join(f'set {what}file "{folder}/monit.{what}"\n' for what in ("pid", "id", "state"))
    checks = "".join(
        f"check host c{one} with address {place.hostname}\n"
        f'  if failed port {place.port} protocol http request "/0/c{one}" with timeout 10 seconds then alert\n'
        for one in range(number)
    )
    path.write_text(f"set daemon 1\n{files}{checks}")
    path.chmod(0o600)
    return path


def _second_cycle(argv: list[str], url: str, number: int) -> Cost:
    begun = asked(url)
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            _until(lambda: asked(url) >= begun + number)
            spent = _spent(child.pid)
            _until(lambda: asked(url) > begun + number)
            at = time.perf_counter()
            _until(lambda: asked(url) >= begun + 2 * number)
            return Cost(_spent(child.pid) - spent, time.perf_counter() - at, _peak(child.pid))
        finally:
            child.kill()


def _spent(pid: int) -> float:
    """Seconds of CPU of a process and of the children that it has waited for: proc(5), /proc/pid/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / _TICKS


def _peak(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def _answers(place: str) -> bool:
    with suppress(OSError), urlopen(f"http://{place}/metrics", timeout=1):
        return True
    return False


def _until(done: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not done():
        if time.monotonic() - begun > _TOO_LONG:
            raise TimeoutError("a program that is measured beside heartbeat does not do its work")
        time.sleep(0.02)
