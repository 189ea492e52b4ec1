"""The page of messages is what the program says today; `scripts/message_samples` writes it."""

from pathlib import Path

import pytest

from tests.parts import message_samples
from tests.parts.manual import DOCS


@pytest.fixture(scope="module")
def page() -> str:
    return message_samples.page()


def test_the_page_is_what_the_program_says_today(page: str) -> None:
    assert page == (Path(DOCS) / "messages.md").read_text(encoding="utf-8")


def test_the_subject_of_an_end_names_the_same_machine_and_component_as_that_of_its_beginning() -> None:
    for locale in message_samples.LANGUAGES:
        made = message_samples.samples(locale)
        begun, ended = made["fault"].subject, made["end"].subject
        words = ("[agents-1]", "Main Agent", {"en": "down", "zh-HK": "停止正常運作"}[locale])
        assert begun != ended and all(word in subject for word in words for subject in (begun, ended))
        assert begun != ended
