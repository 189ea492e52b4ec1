"""Faults in real containers and a real unit, healed or given up by `heartbeat run` (`bench recovery`: over 100)."""

from pathlib import Path

import pytest

from tests.parts import recovery_faults as faults
from tests.parts.docker import BUSYBOX, need_image
from tests.parts.recovery_world import World
from tests.parts.systemd import SystemdBox

pytestmark = [pytest.mark.docker, pytest.mark.systemd]


def test_what_can_be_healed_is_and_what_cannot_is_told_once(tmp_path: Path, systemd_box: SystemdBox) -> None:
    need_image("busybox", BUSYBOX)
    healable = [
        faults.killed(1),
        faults.paused(1),
        faults.crash_loop_cured(1),
        faults.unit_failed(systemd_box, 1),
        faults.slow_start(1),
    ]
    loop = faults.crash_loop(1)
    with World(tmp_path, [*healable, loop], systemd_box) as world:
        world.settle()
        world.inject([*healable, loop])
        world.run_until(lambda: world.over([*healable, loop]), 60)
        steps = world.attempts()
        for _ in range(3):
            world.run()
        found = {one.part.id: one for one in world.outcomes()}
        assert world.attempts() == steps, "something was done after all was over"

    for part in healable:
        one = found[part.id]
        assert one.healed and one.restarts == 1 and one.failed_alerts == 0, f"{part.id}: {one[1:]}"
    assert found[loop.id].given_up and found[loop.id].restarts == 1, f"{loop.id}: {found[loop.id][1:]}"
