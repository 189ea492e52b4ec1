"""What another host of a shared store says is text to whoever reads it: in a report, a mail, a spreadsheet, a shell."""

import json
import time
from pathlib import Path

import pytest

from heartbeat_cli.channels import _letter
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.alerting.still_page import is_still
from heartbeat_cli.store.sql.database import connect
from heartbeat_cli.views import messages
from tests.parts.postgres import *  # noqa: F403 - its fixtures
from tests.parts.stores import store_url  # noqa: F401 - a fixture
from tests.parts.verb import heartbeat


def test_names_of_others_are_no_formulas_of_a_spreadsheet(store_url: str, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{store_url}"\nstate_dir = "{tmp_path}/state"\n'
        '[components.well]\nkind = "command"\ncommand = ["true"]\n'
    )
    assert heartbeat(tmp_path, "run").code == 0
    db = connect(store_url, 5)
    name = "=cmd|' /C calc'!A1\x9b2J\u202e\n@x"
    db.run("UPDATE heartbeat_components SET id = ?, kind = '+1'", (name,))
    db.close()
    done = heartbeat(tmp_path, "report", "--date", "today", "--format", "csv")
    assert done.code == 0 and len(done.out.splitlines()) == 3
    assert done.out.splitlines()[1].startswith("'=cmd|' /C calc'!A1 2J @x,'+1,1,")


_PAGES = (
    "<p>a<script>alert(1)</script>",
    '<img src="http://127.0.0.1/seen">',
    '<img src="data:image/svg+xml;base64,AAAA">',
    '<form action="http://127.0.0.1/"><input name="password"></form>',
    '<a href="javascript:alert(1)">x</a>',
    "<a href=javascript:alert(1)>x</a>",
    '<a href="https://x" onclick="alert(1)">x</a>',
    '<p style="background:url(http://127.0.0.1/)">x',
    r'<p style="background:\75rl(http://127.0.0.1/)">x',
    '<p style="background:&#117;rl(http://127.0.0.1/)">x',
    '<div style="position:fixed;top:0">x</div>',
    "<style>@import 'http://127.0.0.1/'</style>",
    '<meta http-equiv="refresh" content="0;url=http://127.0.0.1/">',
    "<iframe src=x>",
    "<base href='http://127.0.0.1/'>",
    "<!-- x --><p>x",
    "<p <script>",
    "<" * 1_000_000,
    "<p " + " " * 1_000_000,
    "<p" + " " * 1_000_000 + "x>",  # as it has its end, its attributes are looked for
    "<p>" * 1_000_000,
)


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page[:20])
def test_a_report_of_another_host_is_mailed_as_text_if_its_page_does_anything(page: str) -> None:
    alert = Alert(
        "report_1", "report", "low", "Daily report", "report", 1e9, None, "", {"text": "<all well>", "page": page}
    )
    begun = time.monotonic()
    mail = _letter.compose(messages.message(alert, "en", "UTC", ()), "a@example.org", ["b@example.org"])
    body = mail.get_body(("html",))
    assert body is not None and "&lt;all well&gt;" in body.get_content() and page not in body.get_content()
    assert time.monotonic() - begun < 2


def test_a_report_of_our_own_is_mailed_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[report]\nchannels = ["log"]\n'
        '[components.bad]\nkind = "command"\ncommand = ["sh", "-c", "echo \'<b>\\"x\\"\'; false"]\nfail_threshold = 1\n'
        'exit_codes = "plain"\n'
        f'[channels.log]\nkind = "file"\npath = "{tmp_path}/log"\n'
    )
    assert heartbeat(tmp_path, "run").code == 0
    assert heartbeat(tmp_path, "report", "--date", "today", "--send").code == 0
    db = connect(f"sqlite:///{tmp_path}/state/heartbeat.db", 5)
    ((details,),) = db.rows("SELECT details FROM heartbeat_alert_rows WHERE alert_type = 'report'")
    db.close()
    page = json.loads(details)["page"]
    assert "&lt;b&gt;" in page and is_still(page)


_STEERS = "=\x1b[2J\x9b31m\u202e\n<b>"


def test_a_report_steers_no_terminal_whatever_a_row_says_for_a_severity(store_url: str, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{store_url}"\nstate_dir = "{tmp_path}/state"\n'
        '[components.bad]\nkind = "command"\ncommand = ["false"]\nfail_threshold = 1\nexit_codes = "plain"\n'
        f'[channels.log]\nkind = "file"\npath = "{tmp_path}/log"\n'
    )
    assert heartbeat(tmp_path, "run").code == 0
    db = connect(store_url, 5)
    for table, column in (("incidents", "severity"), ("alert_rows", "severity"), ("outbox", "state")):
        assert db.run(f"UPDATE heartbeat_{table} SET {column} = ?", (_STEERS,))
    db.close()
    for form in ("text", "html", "markdown", "csv"):
        out = tmp_path / form
        assert heartbeat(tmp_path, "report", "--date", "today", "--format", form, "-o", str(out)).code == 0
        assert not {"\x1b", "\x9b", "\u202e"} & set(out.read_text()), form


def test_a_command_that_a_message_asks_for_holds_no_other() -> None:
    name = "web; curl x | sh"
    details = {"ask": True, "target": name, "kind": "docker"}
    said = messages.message(Alert("a", "docker_down", "high", "t", name, 1e9, None, "", details), "en", "UTC", ())
    assert "heartbeat recover --component 'web; curl x | sh'" in said.text
    by_hand = messages.message(
        Alert("a", "docker_down", "high", "t", name, 1e9, None, "", {"target": name, "kind": "docker"}), "en", "UTC", ()
    )
    assert "docker restart 'web; curl x | sh'" in by_hand.text
    assert "restart web;" not in said.text + by_hand.text
