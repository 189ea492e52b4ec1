"""Categories of failures, their usual remedies, and how a store has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.category import (
    CATEGORIES,
    PROCESS,
    REMEDIES,
    Failure,
    failure,
    failure_by_number,
    failure_by_words,
    failure_number,
)
from heartbeat_cli.domain.checking.result import Reading

FAILURES = st.builds(Failure, st.sampled_from(CATEGORIES), st.sampled_from(REMEDIES))


@given(FAILURES)
def test_a_store_gives_back_the_failure_it_was_given(found: Failure) -> None:
    assert failure_by_number(failure_number(found)) == found
    assert failure_by_words(found.category, found.remedy) == found


def test_the_numbers_of_categories_stay() -> None:
    """Rows of earlier versions hold them: see `_FAILURES` in store/sql/schema.py."""
    numbers = {category: failure_number(failure(category)) for category in CATEGORIES}
    assert numbers == {
        "process": 0,
        "starting": 1,
        "draining": 2,
        "dependency": 3,
        "provider": 4,
        "credentials": 5,
        "quota": 6,
        "configuration": 7,
        "resource": 8,
        "network": 9,
        "certificate": 10,
    }
    assert failure_number(failure("dependency", "person")) == 3 + 16 * 3


@pytest.mark.parametrize("stored", [None, -1, 11, 15, 64, 10_000])
def test_a_number_that_is_none_is_no_failure(stored: int | None) -> None:
    assert failure_by_number(stored) is None


@pytest.mark.parametrize(("category", "remedy"), [("", ""), ("blame", "restart"), (None, None)])
def test_words_that_are_none_are_no_failure(category: str | None, remedy: str | None) -> None:
    assert failure_by_words(category, remedy) is None


def test_an_unknown_remedy_is_the_usual_one() -> None:
    assert failure_by_words("credentials", "prayer") == Failure("credentials", "person")


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (Reading("healthy", category="resource"), None),
        (Reading("unknown", category="credentials"), None),
        (Reading("degraded"), None),
        (Reading("degraded", category="resource"), Failure("resource", "person")),
        (Reading("unhealthy"), PROCESS),
        (Reading("error"), PROCESS),
        (Reading("error", category="provider"), Failure("provider", "wait")),
        (Reading("unhealthy", category="dependency", remedy="person"), Failure("dependency", "person")),
        (Reading("unhealthy", category="nonsense"), PROCESS),  # type: ignore[arg-type]  # as a plug-in may
    ],
)
def test_the_failure_that_a_reading_shows(reading: Reading, expected: Failure | None) -> None:
    assert reading.failure == expected


def test_a_step_has_to_mend_the_category_unless_a_restart_helps() -> None:
    assert failure("process").mended_by == "process"
    assert failure("dependency", "restart").mended_by == "process"
    assert failure("resource").mended_by == "resource"
