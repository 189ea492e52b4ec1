"""Real parts for the tests: servers run small. A part this machine lacks skips its tests with the reason;
`HEARTBEAT_TEST_REQUIRE=all` (set by `.ci/run`) turns every such skip into a failure, except for the groups that
`HEARTBEAT_TEST_WITHOUT` names: software of others that could not be fetched."""

import os
from typing import NoReturn

import pytest


def lacking(reason: str, group: str = "") -> NoReturn:
    """Skip the test for want of a part, or fail it where all parts are required and its group is not left out."""
    without = group in os.environ.get("HEARTBEAT_TEST_WITHOUT", "").split()
    if os.environ.get("HEARTBEAT_TEST_REQUIRE") == "all" and not without:
        pytest.fail(f"required part is missing: {reason}")
    pytest.skip(reason)
