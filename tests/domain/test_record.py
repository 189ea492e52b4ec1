"""Records are named tuples: whatever `typing.NamedTuple` does, they do, but the class costs less to make."""

import copy
import pickle
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.record import Record


class Theirs(NamedTuple):
    """A named tuple of the standard library."""

    name: str
    seconds: float
    left: int = 3
    notes: tuple[str, ...] = ()

    @property
    def minutes(self) -> float:
        return self.seconds / 60


class Ours(Record):
    """The same as a record."""

    name: str
    seconds: float
    left: int = 3
    notes: tuple[str, ...] = ()

    @property
    def minutes(self) -> float:
        return self.seconds / 60


class Bare(Record):
    """No field at all."""


def made(kind: Any, values: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """What the class makes of these arguments: the fields, or the type of the error."""
    try:
        return tuple(kind(*values, **named))
    except TypeError:
        return TypeError


@given(
    st.lists(st.integers(), max_size=6).map(tuple),
    st.dictionaries(st.sampled_from(["name", "seconds", "left", "notes", "other", "_cls"]), st.integers(), max_size=4),
)
def test_a_record_takes_the_arguments_that_a_named_tuple_takes(values: Any, named: Any) -> None:
    assert made(Ours, values, named) == made(Theirs, values, named)


@pytest.mark.parametrize("kind", [Ours, Theirs])
def test_a_record_reads_compares_and_changes_as_a_named_tuple(kind: Any) -> None:
    one = kind("db", 90.0)
    assert one == ("db", 90.0, 3, ()) and hash(one) == hash(("db", 90.0, 3, ()))
    assert (one.name, one.seconds, one.left, one.notes, one.minutes) == ("db", 90.0, 3, (), 1.5)
    assert kind._fields == ("name", "seconds", "left", "notes") and kind._field_defaults == {"left": 3, "notes": ()}
    assert one._replace(left=0) == ("db", 90.0, 0, ()) and type(one._replace(left=0)) is kind
    assert one._asdict() == {"name": "db", "seconds": 90.0, "left": 3, "notes": ()}
    assert kind._make(["a", 1, 2, 3]) == ("a", 1, 2, 3)
    assert repr(one) == f"{kind.__name__}(name='db', seconds=90.0, left=3, notes=())"
    assert pickle.loads(pickle.dumps(one)) == one and type(copy.deepcopy(one)) is kind
    match one:
        case kind(name, seconds):
            assert (name, seconds) == ("db", 90.0)
    with pytest.raises(TypeError, match="Expected 4 arguments, got 3"):
        kind._make(["a", 1, 2])
    with pytest.raises((TypeError, ValueError), match="Got unexpected field names: \\['colour'\\]"):
        one._replace(colour="red")
    with pytest.raises(AttributeError):
        one.name = "other"
    with pytest.raises(AttributeError):
        one.colour = "red"


def test_the_first_record_of_a_class_may_be_made_in_any_way() -> None:
    def fresh() -> Any:
        class One(Record):
            """A class of which nothing was made yet."""

            a: int
            b: int = 2

        return One

    assert fresh()(1) == (1, 2) and fresh()(a=1, b=3) == (1, 3) and fresh()._make([5, 6]) == (5, 6)
    assert fresh()(1)._replace(b=0) == (1, 0) and Bare() == ()


def test_a_field_without_default_stands_before_those_with_one() -> None:
    with pytest.raises(TypeError, match="field late without a default follows one with a default"):

        class Wrong(Record):
            """Not to be made."""

            early: int = 1
            late: int


def test_a_record_has_no_subclasses() -> None:
    """They would have other fields than their base says, or none."""
    with pytest.raises(TypeError, match="a record has no subclasses"):

        class More(Ours):  # type: ignore[misc]
            """Not to be made."""


def test_a_record_has_what_copy_replaces_fields_by() -> None:
    """`copy.replace` of Python 3.13 calls it."""
    assert Ours("db", 1.0).__replace__(left=0) == ("db", 1.0, 0, ())  # type: ignore[attr-defined, unused-ignore]
