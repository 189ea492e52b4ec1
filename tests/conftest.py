"""Fixtures live with the real parts they start, in `tests/parts/`."""

import signal
from pathlib import Path

import pytest
from hypothesis import settings

from tests.parts import scratch, selection

scratch.use()
# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None)
settings.register_profile("few", deadline=None, max_examples=15)  # noxfile.py chooses it
settings.load_profile("untimed")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background; every child would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
pytest_plugins = [
    "tests.parts.cron",
    "tests.parts.docker",
    "tests.parts.postgres",
    "tests.parts.systemd",
    "tests.parts.postgres_container",
    "tests.parts.cluster.fixture",
]


_BY_CRON = {"test_cron_makes_passes", "test_cron_watches_by_it"}


PARTS = {
    "run_container": "docker",
    "systemd_box": "systemd",
    "postgres_container": "docker",
    "real_cluster": "cluster",
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What `make test` leaves out is not imported four times over; None leaves the choice to the other rules."""
    return selection.is_left_out(collection_path, config.getoption("markexpr")) or None


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what a fixture gives a real part. What waits for cron's next minute goes first, then what takes long: begun
    late, it would be waited for by all the others."""
    for item in items:
        for fixture in PARTS.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(PARTS[fixture])
        if selection.is_whole(item):
            item.add_marker(selection.MARK)
    items.sort(key=lambda item: (item.name not in _BY_CRON, "e2e" not in item.path.parts))
