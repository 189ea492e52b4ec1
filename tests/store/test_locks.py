"""The advisory locks: every number once, and none outside the module that holds them."""

import re
from pathlib import Path

from heartbeat_cli.store import locks

NUMBERS = {name: number for name, number in vars(locks).items() if name.isupper()}


def test_no_two_locks_have_the_same_number() -> None:
    """Two that share one make passes wait that have nothing to do with each other."""
    assert len(set(NUMBERS.values())) == len(NUMBERS) >= 5


def test_numbers_that_earlier_versions_take_stay() -> None:
    """While hosts are updated one by one, an old and a new one must still take turns."""
    assert (
        NUMBERS.items()
        >= {"SCHEMA": 7_230_114, "DETECTION": 7_230_115, "RECOVERY": 7_230_116, "ROLLUP": 7_230_117}.items()
    )


def test_every_lock_that_is_taken_stands_in_that_module() -> None:
    folder = Path(locks.__file__).parent
    for path in folder.parent.rglob("*.py"):
        text = path.read_text()
        assert path.name == "locks.py" or not re.search(r"723_?0_?\d{3}", text.replace("7_23", "723")), path
        for arguments in re.findall(r"advisory\w*\([^)]*\)\"?,? ?(.*)", text):
            assert path.name == "database.py" or "locks." in arguments, f"{path}: {arguments}"
