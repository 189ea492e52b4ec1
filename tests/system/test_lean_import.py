"""Packages that are imported without a part of them: as lean as hoped for, or as they are."""

import subprocess
import sys
from pathlib import Path

import pytest

LOADS = {
    "pycurl": "from heartbeat_cli.http.curl import pycurl as it",
    "psycopg2": "from heartbeat_cli.postgres.driver import driver\nit = driver()",
}
PARTS = {"pycurl": "pycurl.async_multi", "psycopg2": "ssl"}
ALSO = ("decimal", "psycopg2._range")  # of psycopg2


def python(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["pycurl", "psycopg2"])
def test_the_part_is_left_out_and_nothing_stays_in_its_place(name: str, tmp_path: Path) -> None:
    """What imports it later gets the real one."""
    code = f"import sys\n{LOADS[name]}\nprint({PARTS[name]!r} in sys.modules, it.__name__)\nimport ssl; ssl.SSLContext"
    assert python(code, tmp_path) == f"False {name}\n"


def test_psycopg2_is_imported_without_decimal_and_ranges_and_reads_both(tmp_path: Path, database: str) -> None:
    code = f"""
import sys
{LOADS["psycopg2"]}
assert not set({ALSO!r}) & set(sys.modules)
import time
from heartbeat_cli.postgres import libpq
with libpq.connect({database!r}, deadline=time.monotonic() + 10) as session:
    [(value, span)] = session.rows("SELECT 1.5::numeric, '[1,2)'::int4range", deadline=time.monotonic() + 10)
assert not set({ALSO!r}) & set(sys.modules)
print(type(value), value, span)
"""
    assert python(code, tmp_path) == "<class 'float'> 1.5 [1,2)\n"


def test_what_is_imported_already_stays(tmp_path: Path) -> None:
    code = f"import decimal, sys\n{LOADS['psycopg2']}\nprint(sys.modules['decimal'] is decimal)"
    assert python(code, tmp_path) == "True\n"


@pytest.mark.parametrize("name", ["pycurl", "psycopg2"])
@pytest.mark.parametrize(
    "needs",
    ["import {part} as part; part.NEEDED", "from {part} import NEEDED", "import {part} as part; part.NEEDED()"],
)
def test_a_version_that_needs_the_part_is_imported_as_it_is(name: str, needs: str, tmp_path: Path) -> None:
    """A package of the same name, found first, that uses of the part what the stand-in does not have."""
    package = tmp_path / name
    package.mkdir()
    (package / "inner.py").write_text("COUNT = 1\n")
    needs = needs.format(part=PARTS[name]).replace("NEEDED", "SSLContext" if name == "psycopg2" else "needed")
    needs = needs.replace("SSLContext()", "create_default_context()")
    (package / "__init__.py").write_text(f"from {name} import inner\n{needs}\nREADY = inner.COUNT\n")
    (package / "async_multi.py").write_text("def needed(): return 1\n")
    assert python(f"{LOADS[name]}\nprint(it.READY)", tmp_path) == "1\n"


@pytest.mark.parametrize("name", ["pycurl", "psycopg2"])
def test_a_package_that_is_broken_says_so_itself(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.py").write_text("raise RuntimeError('broken here')\n")
    code = f"try:\n    exec({LOADS[name]!r})\nexcept RuntimeError as error: print(error)"
    assert python(code, tmp_path) == "broken here\n"
