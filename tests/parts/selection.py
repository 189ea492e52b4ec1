"""What `make test` leaves to `make test-all`: tests that start Docker, systemd, cron or a browser, whole stories, long
properties, and of what is tested on both stores the PostgreSQL half, except for the store's own tests."""

import pytest

MARK = "whole"  # in the whole suite only
_PARTS = {"docker", "systemd", "cron"}
_FOLDERS = ("tests/e2e/", "tests/security/", "tests/plugin_host/")
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
        "tests/commands/test_mcp.py",
        # long properties and stories
        "tests/test_clock.py",
        "tests/monitors/test_log_property.py",
        "tests/passes/recover/test_histories.py",
        "tests/passes/test_day.py",
        "tests/store/board/test_board.py",
        "tests/views/test_messages_hostile.py",
        # every command, message and page over a world of faults
        "tests/i18n/test_no_english.py",
    }
)
_BOTH_STORES = "tests/store/"  # on PostgreSQL in `make test`, too


def is_whole(item: pytest.Item) -> bool:
    """Whether a test is left to `make test-all`."""
    path = item.nodeid.partition("::")[0]
    if path in _FILES or path.startswith(_FOLDERS) or any(item.get_closest_marker(part) for part in _PARTS):
        return True
    return "postgres" in item.nodeid.partition("[")[2] and not path.startswith(_BOTH_STORES)
