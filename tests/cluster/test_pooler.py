"""Every verb through PgBouncer, which gives a session to another client after each transaction."""

from pathlib import Path

from tests.parts.cluster.cluster import Cluster
from tests.parts.watch import Watch

VERBS = (
    ("status",),
    ("report", "--date", "today"),
    ("metrics",),
    ("alerts",),
    ("observers",),
    ("dashboard", "-o", "page.html"),
    ("silence", "alpha", "--for", "1"),
    ("strategy", "set", "normal"),
    ("prune",),
    ("replay", "--date", "today"),
    ("doctor",),
)


def test_every_verb_through_a_pooler(tmp_path: Path, real_cluster: Cluster) -> None:
    """Its first start, too, which makes the tables."""
    real_cluster.await_order()
    real_cluster.execute("DROP DATABASE IF EXISTS pooled WITH (FORCE)")
    real_cluster.execute("CREATE DATABASE pooled")
    watch = Watch(tmp_path, real_cluster.dsn("pooled", real_cluster.pooled_port), timeout=10)
    (tmp_path / "alpha").unlink()
    assert watch.run(3) == ""
    assert watch.told() == ["alpha command_down"]
    (tmp_path / "alpha").touch()
    assert watch.run(2) == ""
    assert watch.told() == ["alpha command_down", "alpha recovered"]
    watch.is_whole()
    for words in VERBS:
        ended = watch.verb(*words)
        assert ended.code in (0, 1, 2 if words == ("doctor",) else 0), (words, ended)
        assert "store" not in ended.err, (words, ended)
