"""Nothing is lost, and nothing said twice unless the other side's answer was lost: whatever the channels do, and
whenever the sender dies."""

from pathlib import Path

import pytest

from heartbeat_cli.store.database import Database
from tests.parts.bot_api import CHAT, TOKEN, bot_api
from tests.parts.scene import Scene
from tests.parts.smtp import smtp_server
from tests.parts.storm import Storm


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens(store: Database, store_url: str, tmp_path: Path, seed: int) -> None:
    with bot_api() as api, smtp_server() as box:
        tg = {"kind": "telegram", "token": TOKEN, "chat_id": CHAT, "base_url": api.url}
        mail = {"kind": "email", "host": "127.0.0.1", "port": box.port, "security": "none"}
        channels = {
            "tg": tg | {"fallback": "mail", "fallback_after": 60},
            "mail": mail | {"from": "a@example.org", "to": ["b@example.org"], "fallback": "log", "fallback_after": 60},
            "log": {"kind": "file", "path": str(tmp_path / "messages.log")},
        }
        scene = Scene(store, store_url, tmp_path, {"db": {"kind": "tcp", "host": "127.0.0.1", "port": 1}}, channels)
        ending = Storm(scene, api, box, seed).blow()
    assert (ending.lost, ending.disordered, ending.unended, ending.mixed) == ([], [], [], [])
    assert ending.copies <= ending.explained
