"""Ctrl-C, SIGTERM: the program ends with their code and no traceback, at whatever moment, however it was started."""

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.parts.postgres_impostor import impostor

ROOT = Path(__file__).parent.parent
_MODULE, _FUNCTION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["heartbeat"].split(":")
STARTS = {
    "as a module": ("-m", "heartbeat_cli"),
    # What pip makes of the entry point.
    "as installed": ("-c", f"import sys\nfrom {_MODULE} import {_FUNCTION}\nsys.exit({_FUNCTION}())"),
}
# Python tells of each module when it has been imported: moments from the first of ours to a verb at work.
MOMENTS = [
    *(["errno"] if sys.version_info < (3, 14) else []),  # from then on it is imported before ours
    "heartbeat_cli.errors",
    "heartbeat_cli.cli",
    "heartbeat_cli.commands._base",
    "click",
    "psycopg2.extensions",
]


@pytest.fixture(scope="module")
def hanging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The configuration of a store that takes the connection and says nothing."""
    folder = tmp_path_factory.mktemp("hanging")
    with impostor() as port:
        path = folder / "heartbeat.toml"
        path.write_text(
            f'[heartbeat]\nstore = "postgresql://x@127.0.0.1:{port}/x"\nstore_timeout = 60\n'
            f'state_dir = "{folder}/state"\n[components.host]\nkind = "host"\n'
        )
        yield path


def stopped(start: Sequence[str], config: Path, verb: str, moment: str, number: int, times: int = 1) -> tuple[int, str]:
    """Its exit code, and what it said besides Python's words on imports."""
    argv = [sys.executable, "-X", "importtime", *start, "--config", str(config), verb]
    environment = {"PATH": os.environ["PATH"], "HOME": str(config.parent)}
    with subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as one:
        assert one.stderr is not None
        said = []
        for line in one.stderr:
            said.append(line)
            if line.startswith("import time:") and line.rpartition("|")[2].strip() == moment:
                break
        for _ in range(times):
            one.send_signal(number)
        out, rest = one.communicate(timeout=30)
    lines = [line for line in "".join([*said, rest]).splitlines() if not line.startswith("import time:")]
    return one.returncode, out + "\n".join(filter(None, lines))


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("start", STARTS)
def test_stopped_with_ctrl_c_at_any_moment(hanging: Path, start: str, moment: str) -> None:
    for verb in ("status", "run") if moment not in ("click",) else ("status",):
        assert stopped(STARTS[start], hanging, verb, moment, signal.SIGINT) == (130, "heartbeat: stopped"), verb


@pytest.mark.parametrize("moment", MOMENTS)
def test_stopped_twice_it_says_no_more(hanging: Path, moment: str) -> None:
    """Whoever is impatient presses it again."""
    code, said = stopped(STARTS["as installed"], hanging, "status", moment, signal.SIGINT, times=3)
    assert code == 130 and set(said.splitlines()) <= {"heartbeat: stopped"}


@pytest.mark.parametrize("moment", MOMENTS)
def test_terminated_it_is_gone_without_a_word(hanging: Path, moment: str) -> None:
    """A shell shows that as 143. There is nothing to close that a kill would not close as well."""
    assert stopped(STARTS["as installed"], hanging, "status", moment, signal.SIGTERM) == (-signal.SIGTERM, "")


def test_started_with_the_signal_ignored_it_goes_on(hanging: Path) -> None:
    """As a shell starts what runs in the background, and `nohup`."""
    start = ("-c", f"import signal\nsignal.signal(2, signal.SIG_IGN)\n{STARTS['as installed'][1]}")
    assert stopped(start, hanging, "kinds", "heartbeat_cli.cli", signal.SIGINT)[0] == 0
