"""The matrix: each version of Python, of the dependencies and of PostgreSQL in a session of its own.

    make matrix                                    # brings interpreters and servers, then runs every session
    .venv/nox/bin/nox -s tests-3.14 postgres-18    # some sessions
    .venv/nox/bin/nox -s tests-3.14 -- tests/domain -x    # other tests than the session's own

A session whose interpreter or server is missing is skipped, and named with the reason in nox's closing list. It fails
with HEARTBEAT_TEST_REQUIRE=all. `.ci/pythons` and `.ci/servers` bring what is missing.
"""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import nox

# Some tests run Python or a server as another user, who does not reach root's home.
CACHE = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
PYTHONS = Path(os.environ.get("HEARTBEAT_PYTHONS", CACHE / "heartbeat-pythons"))
SERVERS = Path(os.environ.get("HEARTBEAT_SERVERS", CACHE / "heartbeat-servers"))
REQUIRED = os.environ.get("HEARTBEAT_TEST_REQUIRE") == "all"

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
OLDEST, NEWEST = VERSIONS[0], VERSIONS[-1]
MAJORS = (13, 14, 15, 16, 17, 18)

# What needs a Docker Engine, systemd, cron or a browser, whole stories and long properties are left to `make test-all`.
WITHOUT = "not docker and not systemd and not cron"
HEAVY = (
    *("tests/views/test_dashboard_browser.py", "tests/views/test_status_page_browser.py"),
    *("tests/views/test_messages_hostile.py", "tests/monitors/test_log_property.py"),
    *("tests/passes/recover/test_histories.py", "tests/store/board/test_board.py"),
)
# Every package of the program, on SQLite, and libpq.
QUICK = (
    *("tests/domain", "tests/config", "tests/system", "tests/http", "tests/postgres", "tests/store", "tests/monitors"),
    *("tests/actions", "tests/channels", "tests/discovery", "tests/passes", "tests/views", "tests/commands"),
    *("tests/i18n/test_catalogs.py", "tests/test_cli.py", "tests/test_redact.py", "tests/test_wheel.py"),
    "tests/test_stopped.py",
)
# What the dependencies do for us: the command line, the wire, PostgreSQL, Docker, pages, tables, exports.
DEPENDENCIES = (
    *("tests/test_cli.py", "tests/http/test_multi.py", "tests/postgres/test_libpq.py", "tests/monitors"),
    *("tests/actions/test_docker.py", "tests/channels", "tests/discovery", "tests/store/history/test_passes.py"),
    *("tests/commands/test_dashboard.py", "tests/commands/test_init.py", "tests/commands/test_config.py"),
    *("tests/views/test_tables.py", "tests/views/test_prometheus.py"),
)
# What speaks to a server; what is tested on both stores: every pass on the oldest and the newest PostgreSQL, the SQL of
# the store on those between.
SERVER = ("tests/postgres", "tests/monitors/test_database.py", "tests/actions/test_postgres.py")
STORES = ("tests/store", "tests/passes", "tests/monitors")
BETWEEN = ("tests/store", "tests/passes/housekeeping", "tests/passes/report", "tests/monitors/test_sql.py")

PROJECT = nox.project.load_toml("pyproject.toml")["project"]
EXTRAS = PROJECT["optional-dependencies"]
# An environment of the matrix has no linters; what builds the wheel has no floor worth trying.
TOOLS = [one for one in EXTRAS["dev"] if not re.match(r"mypy|ruff|types-", one)]
OWN = [*PROJECT["dependencies"], *EXTRAS["apprise"], *EXTRAS["dns"]]

os.environ["PATH"] = f"{PYTHONS / 'bin'}{os.pathsep}{os.environ['PATH']}"
nox.needs_version = ">=2025.2"
nox.options.error_on_missing_interpreters = REQUIRED
nox.options.download_python = "never"  # what is not there is named


def install(session: nox.Session, *words: str) -> None:
    """Install these into the environment, and the project itself from its folder."""
    session.install("--only-binary", ":all:", *words)
    session.install("--no-deps", "-e", ".")


def test(session: nox.Session, default: Sequence[str], marks: str, **variables: str) -> None:
    """Run the tests that the command line names, else the default ones, with the environment's Python."""
    python = variables.pop("python", "python")
    options = ["-n", os.environ.get("HEARTBEAT_TEST_WORKERS", "2"), "--dist", "worksteal", "-p", "no:cacheprovider"]
    options += [f"--ignore={path}" for path in HEAVY]
    # Fewer examples of each property: here the versions are the question.
    options += ["--hypothesis-profile=few", "-m", marks]
    # Parts that are missing skip their tests: the selection needs none, the suite itself requires them.
    variables["HEARTBEAT_TEST_REQUIRE"] = ""
    session.run(python, "-m", "pytest", *options, *(session.posargs or default), env=variables, external=True)


@nox.session(python=VERSIONS, reuse_venv=True)
def tests(session: nox.Session) -> None:
    """Every package of the program on one version of Python."""
    install(session, *OWN, *TOOLS)
    test(session, QUICK, f"{WITHOUT} and not postgres")


@nox.session(name="tests-lowest", python=OLDEST)
def lowest(session: nox.Session) -> None:
    """The oldest version of every dependency that pyproject.toml allows."""
    floors = Path(session.create_tmp()) / "floors.txt"
    floors.write_text("".join(f"{one.replace('>=', '==')}\n" for one in OWN))
    session.log("oldest versions: %s", " ".join(floors.read_text().split()))
    install(session, "--constraint", str(floors), *OWN, *TOOLS)
    test(session, DEPENDENCIES, f"{WITHOUT} and not postgres")


@nox.session(name="tests-highest", python=NEWEST)
def highest(session: nox.Session) -> None:
    """The newest version of every dependency and tool that there is today."""
    install(session, "--upgrade", "--upgrade-strategy", "eager", *OWN, *TOOLS)
    session.run("python", "-m", "pip", "list", "--format=freeze")
    test(session, DEPENDENCIES, f"{WITHOUT} and not postgres")


@nox.session(python=OLDEST, reuse_venv=True, default=False)
def clients(session: nox.Session) -> None:
    """The environment that the sessions of PostgreSQL share; tests nothing."""
    install(session, *OWN, *TOOLS)


def on_server(major: int) -> None:
    """Define the session of one version of PostgreSQL."""

    @nox.session(name=f"postgres-{major}", venv_backend="none", requires=["clients"])
    def postgres(session: nox.Session) -> None:
        binaries = SERVERS / str(major) / "bin"
        if not shutil.which("postgres", path=binaries):
            (session.error if REQUIRED else session.skip)(f"not tried: no PostgreSQL {major} in {SERVERS}")
        session.run(str(binaries / "postgres"), "--version", external=True)
        python = str(Path(".nox/clients/bin/python").absolute())
        on_this = {"python": python, "HEARTBEAT_TEST_POSTGRES": str(binaries)}
        stores = STORES if major in (MAJORS[0], MAJORS[-1]) else BETWEEN
        test(session, stores, f"{WITHOUT} and postgres", **on_this)
        if not session.posargs:
            test(session, SERVER, WITHOUT, **on_this)

    postgres.__doc__ = f"The store, and what asks PostgreSQL, on PostgreSQL {major}."


for one in MAJORS:
    on_server(one)
