"""Components among each other: order, ancestry, selection."""

import pytest

from heartbeat_cli.domain.blocks import Block
from heartbeat_cli.domain.component import Common, Component, ancestors, goes_by, matching, may_go_by, topological
from heartbeat_cli.domain.strategy import STRATEGIES


def family(**parents: str) -> dict[str, Component]:
    """`family(a="b c")`: a depends on b and c."""
    return {
        id_: Component(id_, "agent" if id_ != "db" else "database", None, Common(depends_on=tuple(names.split())))
        for id_, names in parents.items()
    }


def test_parents_come_before_children_and_the_rest_keeps_its_order() -> None:
    assert topological(family(z="", a="", m="")) == ["z", "a", "m"]
    assert topological(family(chat="main", main="db", other="", db="")) == ["db", "main", "chat", "other"]
    assert topological(family(d="b c", b="a", c="a", a="")) == ["a", "b", "c", "d"]
    assert topological({}) == []


def test_a_deep_chain_is_no_trouble() -> None:
    chain = {f"c{n}": Component(f"c{n}", "tcp", None, Common(depends_on=(f"c{n + 1}",))) for n in range(5000)}
    chain["c5000"] = Component("c5000", "tcp", None)
    assert topological(chain)[:2] == ["c5000", "c4999"]
    assert len(ancestors("c0", chain)) == 5000


def test_a_circle_is_named() -> None:
    with pytest.raises(ValueError, match=r"^a → b → c → a$"):
        topological(family(a="b", b="c", c="a"))
    with pytest.raises(ValueError, match=r"^a → a$"):
        topological(family(a="a"))


def test_ancestors_nearest_first_each_once() -> None:
    tree = family(leaf="b c", b="a", c="a", a="root", root="", stranger="")
    assert ancestors("leaf", tree) == ["b", "c", "a", "root"]
    assert ancestors("root", tree) == []
    assert ancestors("x", family(x="gone")) == []


def test_ids_kinds_and_globs_select_in_config_order() -> None:
    some = family(**{"main": "", "db": "", "chat-1": "", "chat-2": ""})
    assert matching(["chat-2", "main"], some) == (["main", "chat-2"], [])
    assert matching(["agent"], some) == (["main", "chat-1", "chat-2"], [])
    assert matching(["chat-*", "database"], some) == (["db", "chat-1", "chat-2"], [])
    assert matching(["mian", "db", "nope-*"], some) == (["db"], ["mian", "nope-*"])
    assert matching(["[d]b"], some) == (["db"], [])


def test_its_own_word_wins_over_the_strategy() -> None:
    plain, own = Component("a", "tcp", None), Component("b", "tcp", None, Common(interval=7.0, timeout=2.0))
    for strategy in STRATEGIES.values():
        assert (plain.interval(strategy), plain.timeout(strategy)) == (strategy.interval, strategy.timeout)
        assert (own.interval(strategy), own.timeout(strategy)) == (7.0, 2.0)
    assert (plain.name, plain.severity) == ("a", "high")
    named = Component("c", "tcp", None, Common(name="Sea", severity="low"))
    assert (named.name, named.severity) == ("Sea", "low")


def test_all_of_a_block_is_meant_for_what_stands_for_it_and_for_no_other() -> None:
    plain = Component("db_2", "docker", None, broken="Docker did not say what there is")
    whole = plain._replace(stands_for=Block("db", True))
    assert goes_by(whole, "db/*") and not goes_by(plain, "db/*")
    assert not goes_by(whole, "db/web1"), "a silence of one does not keep back that nothing of the block is known"


def test_what_stands_for_a_block_may_go_by_the_name_of_anything_of_it() -> None:
    whole = Component("db_2", "docker", None, broken="why", stands_for=Block("db", True))
    assert may_go_by(whole, "db/web1") and may_go_by(whole, "docker") and not may_go_by(whole, "db2/web1")
    some = {"db_2": whole, "db/x": Component("db/x", "docker", None)}
    assert matching(["d*/*"], some) == (["db_2", "db/x"], [])
    assert matching(["db/web1"], some) == ([], ["db/web1"])
    assert matching(["db/web1"], some, meant=may_go_by) == (["db_2"], [])
