"""Names that may mean a component of a block of which nothing is known."""

from fnmatch import fnmatchcase
from itertools import product

import pytest

from heartbeat_cli.domain.blocks import Block, meet

APPS, WORKERS, ENGINES = Block("apps", True), Block("worker-{n}", False), Block("docker-{h}", True)


@pytest.mark.parametrize(
    ("block", "name", "may_have", "is_all"),
    [
        (APPS, "apps/web", True, False),
        (APPS, "apps/web*", True, False),
        (APPS, "apps/*", True, True),
        (APPS, "ap?s/*", True, True),
        (APPS, "ap*", True, True),
        (APPS, "*web*", True, False),
        (APPS, "*", True, True),
        (APPS, "apps2/*", False, False),
        (APPS, "apps-*", False, False),
        (APPS, "web", False, False),
        (WORKERS, "worker-7", True, False),
        (WORKERS, "worker-*", True, True),
        (WORKERS, "worker-", False, False),
        (WORKERS, "worker-[0-9]", True, False),
        (WORKERS, "*-7", True, False),
        (WORKERS, "walker-*", False, False),
        (ENGINES, "docker-two/*", True, False),
        (ENGINES, "docker-*/*", True, True),
        (ENGINES, "docker-*/web", True, False),
        (ENGINES, "podman-*/*", False, False),
    ],
)
def test_a_name_may_mean_one_of_a_block_or_all_of_it(block: Block, name: str, may_have: bool, is_all: bool) -> None:
    assert (block.may_have(name), block.is_all_of(name)) == (may_have, is_all)


def test_two_globs_meet_where_a_text_fits_both() -> None:
    texts = ["".join(one) for length in range(5) for one in product("ab", repeat=length)]
    globs = ["".join(one) for length in range(4) for one in product("ab?*", repeat=length)]
    fitting = {glob: {text for text in texts if fnmatchcase(text, glob)} for glob in globs}
    few = [glob for glob in globs if len(glob) < 3]
    for one, other in product(globs, few):
        assert meet(one, other) == meet(other, one) == bool(fitting[one] & fitting[other]), (one, other)
