"""What goes out together, in which order."""

from heartbeat_cli.domain.alerting import delivery
from heartbeat_cli.domain.alerting.alert import Alert


def alert(id_: str, component: str, at: float) -> Alert:
    return Alert(id_, "tcp_down", "high", "t", component, at, None, "r")


def test_a_digest_has_parents_first_then_what_came_first_whatever_its_id() -> None:
    """Sorted by id before time, the end of an incident would stand before its beginning."""
    told = [
        alert("a/late", "db", 30.0),
        alert("z/early", "db", 10.0),
        alert("a/child", "main", 5.0),
        alert("b/same", "db", 30.0),
        alert("host", "here", 1.0),
    ]
    ordered = delivery.root_first(told, ["db", "main"])
    assert [one.id for one in ordered] == ["z/early", "a/late", "b/same", "a/child", "host"]
