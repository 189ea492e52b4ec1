"""Every TOML block of the recipes for models, queues, OpenClaw and Patroni is run by a test, well and with its
fault."""

from tests.cluster import test_patroni_recipe
from tests.e2e import test_recipes_models, test_recipes_openclaw, test_recipes_queues
from tests.parts.manual import DOCS
from tests.parts.recipes import PAGES, TAKEN, recipes
from tests.passes.detect import test_provider

RUNNERS = (
    test_recipes_models,
    test_recipes_openclaw,
    test_recipes_queues,
    test_provider,
    test_patroni_recipe,
)  # they take the blocks


def test_every_block_is_run() -> None:
    """A new block wants a test that `runs` it, in one of RUNNERS."""
    there = [one[:3] for page in PAGES for one in recipes(page)]
    assert set(there) - TAKEN == set()
    assert len(there) == sum((DOCS / f"recipes/{page}.md").read_text().count("```toml") for page in PAGES)
