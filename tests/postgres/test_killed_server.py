"""A PostgreSQL of the tests that was killed leaves nothing in the kernel: a host has 4,096 segments."""

from pathlib import Path

import pytest

from tests.parts.postgres import Server


def _segments_of(server: Server) -> list[str]:
    """The numbers of the System V segments whose key the server wrote down and that the kernel still holds."""
    number = (server.data / "postmaster.pid").read_text().splitlines()[6].split()[1]
    rows = [row.split() for row in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return [row[1] for row in rows if row[1] == number]


@pytest.mark.whole
def test_a_killed_server_leaves_no_segment_and_starts_again() -> None:
    with Server() as server:
        assert _segments_of(server)
        server.kill()
        assert not _segments_of(server)
        server.start()
        assert server.ask("SELECT 1") == (1,)
