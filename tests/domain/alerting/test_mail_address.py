"""Addresses as people write them."""

import pytest

from heartbeat_cli.domain.alerting.mail_address import read


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ops@example.org", ("", "ops", "example.org")),
        (" a.b+c@localhost ", ("", "a.b+c", "localhost")),
        ("值班 <ops@example.org>", ("值班", "ops", "example.org")),
        ('"Ops, Night" <ops@example.org>', ("Ops, Night", "ops", "example.org")),
    ],
)
def test_good(text: str, parts: tuple[str, str, str]) -> None:
    assert read(text) == parts


@pytest.mark.parametrize(
    "text",
    ["", "ops", "@x", "ops@", "a@b@c", "ops@例.hk", "值@x.hk", "a@b\nBcc: c@d", "a\r\nBcc: c <a@b>", "a@b, c@d",
     "a..b@c", ".a@b", "<a@b> c", "a b@c", "<a@b", "a@b.", "a@-b"],
)  # fmt: skip
def test_bad(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected name@host|a dot stands"):
        read(text)
