"""`heartbeat mcp`, asked by the client of the official SDK, over standard input and output."""

import asyncio
import json
import os
import pwd
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import load as configuration
from heartbeat_cli.config import places
from heartbeat_cli.domain.checking.result import CheckContext
from heartbeat_cli.monitors import mcp as monitor
from heartbeat_cli.system import lock
from tests.commands.test_recover import ladder
from tests.parts.hostile import unused_port
from tests.parts.mcp_client import HEARTBEAT, Agent, talk
from tests.parts.outage import Outage
from tests.parts.verb import heartbeat

ME = pwd.getpwuid(os.getuid()).pw_name
READS = ["status", "incidents", "alerts", "report", "recover_dry_run", "silences"]


def stored(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / ".local/state/heartbeat/heartbeat.db") as db:
        found = db.execute(sql).fetchall()
    db.close()
    return found


def printed(folder: Path, *words: str) -> Any:
    return json.loads(heartbeat(folder, *words, "--format", "json").out)


def timeless(document: Any) -> Any:
    """Without what tells when it was asked for."""
    if isinstance(document, list):
        return [timeless(one) for one in document]
    if isinstance(document, dict):
        moving = ("age", "until", "up_seconds", "down_seconds", "incident_seconds", "seconds")
        return {key: timeless(one) for key, one in document.items() if key not in moving}
    return document


# --- what it reads ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_answers_are_those_of_the_commands(tmp_path: Path, mode: str) -> None:
    Outage(tmp_path, recovery=ladder(tmp_path, "true")).down()

    async def asked(agent: Agent) -> list[Any]:
        tools = await agent.tools()
        assert list(tools) == READS, "without --allow nothing can be changed"
        assert all(one.annotations.read_only_hint for one in tools.values())
        calls = [("status", {}), ("incidents", {}), ("alerts", {"limit": 1}), ("recover_dry_run", {}), ("silences", {})]
        return [await agent.call(name, **given) for name, given in calls]

    said = talk(asked, tmp_path, mode=mode)
    assert [(one.is_error, one.document["exit_code"]) for one in said] == [*((False, code) for code in (1, 0, 0, 0, 0))]
    recover = ["recover", "--dry-run", "--no-check"]
    wanted = (["status"], ["ack"], ["alerts", "--limit", "1"], recover, ["silence"])
    for one, words in zip(said, wanted, strict=True):
        assert timeless(one.output) == timeless(printed(tmp_path, *words))
    assert said[0].output[0]["state"] == "fault"
    assert said[3].output[0]["decision"] == "ask"


def test_one_alert_the_report_and_the_resources(tmp_path: Path) -> None:
    Outage(tmp_path).down()
    (alert,) = printed(tmp_path, "alerts")

    async def asked(agent: Agent) -> None:
        whole = await agent.call("alerts", alert=alert["alert_id"])
        assert timeless(whole.output) == timeless(printed(tmp_path, "alerts", alert["alert_id"]))
        report = await agent.call("report", first="yesterday", last="today")
        assert report.output["incidents"][0]["component"] == "thing"
        words = await agent.call("report", date="today", format="markdown")
        assert words.output.startswith("# Daily report ") and "thing" in words.output
        listed = (await agent.client.list_resources()).resources
        assert [str(one.uri) for one in listed] == [
            *("heartbeat://status", "heartbeat://incidents"),
            *("heartbeat://report/yesterday", "heartbeat://report/today"),
        ]
        (template,) = (await agent.client.list_resource_templates()).resource_templates
        assert template.uri_template == "heartbeat://report/{day}"
        day = report.output["last_day"]
        for uri in ("heartbeat://report/today", f"heartbeat://report/{day}"):
            assert (await agent.read(uri))["untrusted_output"].startswith(f"# Daily report {day}\n")
        assert (await agent.read("heartbeat://incidents"))["untrusted_output"][0]["component"] == "thing"
        with pytest.raises(Exception, match="unknown resource"):
            await agent.read("heartbeat://report/../../etc/passwd")

    talk(asked, tmp_path)


# --- what it changes -------------------------------------------------------------------------------------------------


def test_what_is_allowed_is_done_and_the_client_is_on_record(tmp_path: Path) -> None:
    thing = Outage(tmp_path, recovery=ladder(tmp_path, f"rm {tmp_path}/broken"))
    thing.down()

    async def asked(agent: Agent) -> None:
        tools = await agent.tools()
        assert list(tools) == [*READS, "ack", "silence", "end_silence", "recover"]
        assert [name for name, one in tools.items() if one.annotations.destructive_hint] == ["recover"]
        (row,) = (await agent.call("ack", components=["thing"])).output
        assert row["acked_by"] == f"mcp/tests ({ME})"
        (row,) = (await agent.call("ack", components=["thing"], undo=True)).output
        assert row["acked_by"] is None
        (row,) = (await agent.call("silence", target="thing", reason="--end", minutes=5)).output
        assert (row["target"], row["reason"], row["by"]) == ("thing", "--end", f"mcp/tests ({ME})")
        assert (await agent.call("silences")).output == [row]
        assert (await agent.call("end_silence", id=row["id"])).output == {"ended": row["id"]}
        (step,) = (await agent.call("recover", component="thing")).output
        assert (step["decision"], step["outcome"], step["verified"]) == ("ran", "done", True)

    talk(asked, tmp_path, "--allow", "ack,silence", "--allow", "recover")
    assert stored(tmp_path, "SELECT requested_by FROM heartbeat_recoveries WHERE outcome = 'done'") == [
        (f"mcp/tests ({ME})",)
    ]


def test_recover_keeps_to_the_budget_and_to_the_lock(tmp_path: Path) -> None:
    recovery = ladder(tmp_path, f"rm {tmp_path}/broken").replace("{ mode", "{ budget = 1, backoff = 0.01, mode")
    thing = Outage(tmp_path, recovery=recovery, also=f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n')
    thing.down()

    async def once(agent: Agent) -> Any:
        return await agent.call("recover", component="thing")

    assert talk(once, tmp_path, "--allow", "recover").output[0]["decision"] == "ran"
    thing.run()
    thing.down()
    (step,) = talk(once, tmp_path, "--allow", "recover").output
    assert (step["decision"], step["name"]) == ("held", "budget")
    with lock.only_one(places.config_folder(configuration.read(thing.config))):
        said = talk(once, tmp_path, "--allow", "recover")
    assert said.is_error and said.document["exit_code"] == 3
    assert said.document["untrusted_error"].startswith("heartbeat: another heartbeat is running")


# --- what may go wrong -----------------------------------------------------------------------------------------------


def test_a_session_outlives_a_store_that_is_away_and_changes_of_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "heartbeat.toml"
    port = 'kind = "tcp"\nhost = "127.0.0.1"\nport = 9\n'

    async def asked(agent: Agent) -> None:
        said = await agent.call("status")
        assert said.is_error and said.document["exit_code"] == 3
        assert "\n" not in said.text and "127.0.0.1" in said.document["untrusted_error"]
        config.write_text("[components.a]\nkind = 1\n[components.b]\nport = 9\n")
        said = await agent.call("status")
        assert said.is_error and said.document["exit_code"] == 2
        error = said.document["untrusted_error"]
        assert "components.a.kind" in error and "components.b" in error and "\n" not in error
        for names in (["a"], ["a", "b"]):
            config.write_text("".join(f"[components.{name}]\n{port}" for name in names))
            assert [row["component"] for row in (await agent.call("status")).output] == names

    config.write_text(f'[heartbeat]\nstore = "postgresql://x@127.0.0.1:{unused_port()}/x"\n[components.a]\n{port}')
    talk(asked, tmp_path)


def test_an_answer_that_is_too_large_says_what_to_ask_for(tmp_path: Path) -> None:
    block = '[components."c{n}"]\neach = { n = "1..999" }\nkind = "tcp"\nhost = "127.0.0.1"\nport = 9\n'
    (tmp_path / "heartbeat.toml").write_text(block)

    async def asked(agent: Agent) -> None:
        said = await agent.call("status")
        assert said.is_error
        wanted = "the answer has more than 262144 bytes: ask for fewer components or days, or a limit"
        assert said.document["untrusted_error"] == wanted
        assert [row["component"] for row in (await agent.call("status", components=["c7", "c99*"])).output] == [
            *("c7", "c99", *(f"c99{n}" for n in range(10)))
        ]

    talk(asked, tmp_path)


@pytest.mark.parametrize(
    ("tool", "given", "line"),
    [
        ("status", {"component": "a"}, "status: unknown argument 'component'; known: components"),
        ("status", {"components": "thing"}, "status: components: expected a list of 0 to 50 texts"),
        ("ack", {}, "ack: components: is missing"),
        ("ack", {"components": []}, "ack: components: expected a list of 1 to 50 texts"),
        ("ack", {"components": ["a"], "undo": 1}, "ack: undo: expected true or false"),
        ("alerts", {"limit": 2.5}, "alerts: limit: expected a whole number from 1 to 500"),
        ("alerts", {"limit": True}, "alerts: limit: expected a whole number from 1 to 500"),
        ("alerts", {"severity": "high,low"}, "alerts: severity: expected one of low, medium, high, severe"),
        (
            *("silence", {"target": "a", "reason": "x", "minutes": 1e9}),
            "silence: minutes: expected a number from 1 to 10080",
        ),
        (
            *("silence", {"target": "a\nb", "reason": "x"}),
            "silence: target: expected a text of 1 to 200 characters, without control characters",
        ),
        ("incidents", {"x": 1}, "incidents: unknown argument 'x'; known: none"),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_one_line(tmp_path: Path, tool: str, given: dict[str, Any], line: str) -> None:
    from heartbeat_cli.commands._mcp_tools import TOOLS

    assert f"{tool}: {TOOLS[tool].problem(given)}" == line


def test_wrong_usage(tmp_path: Path) -> None:
    line = "heartbeat: --allow: unknown name 'restart'; known: ack, silence, recover\n"
    assert heartbeat(tmp_path, "mcp", "--allow", "ack,restart") == (2, "", line)
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['mcp'] = None\n")
    line = "heartbeat: the package mcp is not installed: pip install 'heartbeat-cli[mcp]'\n"
    assert heartbeat(tmp_path, "mcp", PYTHONPATH=str(tmp_path)) == (2, "", line)
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['mcp.server.lowlevel'] = None\n")
    line = "heartbeat: the package mcp is too old: pip install --upgrade 'heartbeat-cli[mcp]'\n"
    assert heartbeat(tmp_path, "mcp", PYTHONPATH=str(tmp_path)) == (2, "", line)


def test_a_client_that_goes_away_ends_it(tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text("")
    assert heartbeat(tmp_path, "mcp") == (0, "", "")


# --- watched by heartbeat --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [{}, {"era": "handshake"}], ids=["newest", "handshake"])
def test_the_kind_mcp_can_watch_it(tmp_path: Path, memory: dict[str, Any]) -> None:
    Outage(tmp_path).run()
    settings = monitor.Settings(
        command=(HEARTBEAT, "mcp"),
        env={"HOME": str(tmp_path)},
        cwd=str(tmp_path),
        tools=("status", "recover_dry_run"),
        call=monitor.Call("status"),
    )
    reading = monitor.probe(settings, CheckContext("it", 30.0, time.time(), memory))
    assert (reading.status, reading.error) == ("healthy", None)
    (tmp_path / "heartbeat.toml").write_text("nonsense")
    reading = monitor.probe(settings, CheckContext("it", 30.0, time.time(), memory))
    assert reading.status == "degraded" and "exit_code" in str(reading.error)


def test_nothing_of_it_is_imported_before_it_serves() -> None:
    code = (
        "import sys; from heartbeat_cli.commands import mcp; sys.exit('mcp' in sys.modules or 'asyncio' in sys.modules)"
    )

    async def ended() -> int:
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
        return await child.wait()

    assert asyncio.run(ended()) == 0
