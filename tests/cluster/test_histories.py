"""What may become of a cluster while five hosts watch it and keep their store in it (`bench cluster`: a hundred)."""

from tests.parts.cluster.checker import violations
from tests.parts.cluster.cluster import Cluster
from tests.parts.cluster.history import History
from tests.parts.cluster.observers import NAMES
from tests.parts.cluster.stories import Story

LEVEL = dict.fromkeys(NAMES, 0.0)
STORIES = (
    # The primary crashes while a fault is being declared; two hosts see nothing for a while.
    Story(1_001, "server crashed", 3, 0.2, ((1, 6),), (1,), ("o1", "o4"), 5, 8, LEVEL, 9),
    # A planned change of the leader, and a fault after it, seen by clocks that are apart.
    Story(1_002, "switchover", 2, 0.1, ((4, 9),), (2,), (), 0, 0, LEVEL | {"o2": 40.0, "o5": -30.0}, 9),
    Story(1_003, "etcd without quorum", 3, 0.0, ((2, 7),), (), (), 0, 0, LEVEL, 8),
)


def test_histories(real_cluster: Cluster) -> None:
    """One after the other: each leaves the cluster in order for the next one."""
    inside = 0
    for story in STORIES:
        outcome = History(real_cluster, story).play()
        assert violations(outcome.record) == [], str(story)
        inside += outcome.inside
    assert inside > 0, "no run was under way when the leader was lost"
