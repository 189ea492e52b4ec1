"""What `make test` leaves to `make test-all`: tests that start Docker, systemd, cron, a cluster or a browser, whole
stories, long properties, and of what is tested on both stores the PostgreSQL half, except for the store's own tests. A
test that takes longer than most, or waits for what is slow, has the mark `whole` of its own."""

from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
MARK = "whole"  # in the whole suite only
_PARTS = {"docker", "systemd", "cron", "cluster"}
_FOLDERS = ("tests/commands/", "tests/discovery/", "tests/e2e/", "tests/plugin_host/", "tests/security/")  # processes
_FILES = frozenset(
    {
        # a browser
        "tests/views/test_dashboard_browser.py",
        "tests/views/test_status_page_browser.py",
        # packages are built, programs of others are started
        "tests/test_grafana.py",
        "tests/test_plugin_example.py",
        "tests/test_release.py",
        "tests/test_wheel.py",
        "tests/monitors/test_log_rotation.py",
        "tests/monitors/test_mcp.py",
        "tests/monitors/test_progress_queues.py",
        # long properties and stories
        "tests/test_clock.py",
        "tests/monitors/test_log_property.py",
        "tests/passes/recover/test_histories.py",
        "tests/passes/test_day.py",
        "tests/store/board/test_board.py",
        "tests/views/test_messages_hostile.py",
        # what waits for servers that are slow, cut off or killed: half a second a test and more
        "tests/channels/test_apprise.py",
        "tests/http/test_sockets.py",
        "tests/monitors/test_log_entries.py",
        "tests/passes/buttons/test_buttons.py",
        "tests/passes/check/test_follow_up.py",
        "tests/passes/deliver/test_retries.py",
        "tests/passes/recover/test_lost_answers.py",
        "tests/passes/recover/test_managed_units.py",
        "tests/passes/recover/test_recover_brakes.py",
        "tests/store/history/test_growth.py",
        "tests/test_selection.py",
        "tests/views/test_dashboard.py",
        # a test a file of the code: `make lint` runs it
        "tests/test_house.py",
        # every command, message and page over a world of faults
        "tests/i18n/test_no_english.py",
    }
)
_BOTH_STORES = "tests/store/"  # on PostgreSQL in `make test`, too


def is_left_out(path: Path, marks: str) -> bool:
    """Whether a run with this `-m` need not even read the file: every test of it is left to `make test-all`."""
    if marks != f"not {MARK}" or not path.is_relative_to(_ROOT):
        return False
    name = path.relative_to(_ROOT).as_posix()
    return name in _FILES or name.startswith(_FOLDERS)


def is_whole(item: pytest.Item) -> bool:
    """Whether a test is left to `make test-all`."""
    path = item.nodeid.partition("::")[0]
    if path in _FILES or path.startswith(_FOLDERS) or any(item.get_closest_marker(part) for part in _PARTS):
        return True
    return "postgres" in item.nodeid.partition("[")[2] and not path.startswith(_BOTH_STORES)
