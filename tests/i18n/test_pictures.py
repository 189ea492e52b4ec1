"""The messages of the pictures in docs/images say what is ours in the reader's language."""

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/message_pictures"
OURS = (
    *("could not be restarted", "ended with exit code", "expected every", "checks in a row", "was tried"),
    *("health check failed", "last beat", "connection refused by", "no connection to", "first byte", "step 1 of"),
    *("Whose fault", "Recovery", "What to do", "severity", "connection timed out", "started at"),
)


def test_the_chinese_pictures_have_no_english_of_ours() -> None:
    loader = SourceFileLoader("message_pictures", str(SCRIPT))
    spec = importlib.util.spec_from_loader("message_pictures", loader)
    assert spec is not None
    pictures = importlib.util.module_from_spec(spec)
    loader.exec_module(pictures)
    for made in (pictures.chat, pictures.mailbox):
        english, chinese = made("en"), made("zh-HK")
        assert "Whose fault" in english and [one for one in OURS if one in chinese.partition("<main>")[2]] == []
