"""Ten nights, told by heartbeat's messages alone, and the truth of each: what a reader of the messages must be able to
answer. `scripts/nights FOLDER` writes them.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.parts.bot_api import bot_api
from tests.parts.nights import attended, recovery, watching
from tests.parts.nights.stage import LANGUAGES, Stage, Story, Told
from tests.parts.smtp import smtp_server
from tests.parts.stores import opened

__all__ = ["LANGUAGES", "STORIES", "play", "write"]

STORIES: tuple[Story, ...] = (
    recovery.flapping_agent_and_full_database,
    recovery.provider_behind_three_agents,
    recovery.full_disk_under_two_services,
    recovery.container_stopped_by_a_person,
    attended.ladder_that_ends,
    attended.certificate_and_key,
    attended.parent_and_children,
    watching.hosts_that_disagree,
    watching.docker_does_not_answer,
    attended.budget_and_queue,
)


def play(story: Story, locale: str) -> Told:
    """The messages of one night in a language, and its truth."""
    with tempfile.TemporaryDirectory() as folder, bot_api() as api, smtp_server() as box:
        url = f"sqlite:///{folder}/store.db"
        db = opened(url)
        try:
            stage = Stage(db, url, Path(folder), locale, api, box)
            truth = story(stage)
            return Told(tuple(stage.messages), truth)
        finally:
            db.close()


def write(folder: Path, stories: Mapping[int, Story]) -> None:
    """`night-NN.<locale>.txt` with the messages, and `key/night-NN.md` with the answers."""
    (folder / "key").mkdir(parents=True, exist_ok=True)
    for number, story in stories.items():
        pages: dict[str, list[str]] = {}
        for locale in LANGUAGES:
            told = play(story, locale)
            (folder / f"night-{number:02}.{locale}.txt").write_text(told.text, encoding="utf-8")
            pages.setdefault(told.truth.page(number), []).append(locale)
        # A night with a real container is another one each time it is played.
        parts = [page if len(pages) == 1 else f"(Of {', '.join(of)}:)\n\n{page}" for page, of in pages.items()]
        (folder / "key" / f"night-{number:02}.md").write_text("\n".join(parts), encoding="utf-8")
