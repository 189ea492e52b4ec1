"""heartbeat's own lines: each of the sources is a Text, real ones become another language, and what a component says
stays what it is."""

import ast
import re
import string
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from heartbeat_cli.domain.checking import slowness
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.component import Common, Plan, Step
from heartbeat_cli.domain.detection.fault_detection import Observation, Parent, Policy, State, step
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.domain.kinds import container, postgres_health
from heartbeat_cli.domain.plain import duration, system_words
from heartbeat_cli.domain.recovery import ladder
from heartbeat_cli.domain.recovery.brakes import held, of_component
from heartbeat_cli.domain.recovery.decision import Circumstances, Limits, Past
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.http import faults
from heartbeat_cli.i18n.catalogs import translated
from heartbeat_cli.monitors import push, service

SOURCE = Path(__file__).parents[2] / "src/heartbeat_cli"
ROOMS = (
    "monitors/*.py",
    "actions/*.py",
    "http/*.py",
    "system/tcp.py",
    "postgres/libpq.py",
    "passes/recover/in_flight.py",
    "passes/*/*.py",
)
# What only standard error says.
UNTRANSLATED = {"daily_remark", "guarded", "ping"}
DOMAIN = ("fault_detection", "ladder", "container", "postgres_health", "slowness", "systemd", "brakes")
DOMAIN += ("quorum", "clock_trust", "coverage", "attribution")
FOUND = {path for room in ROOMS for path in SOURCE.glob(room)} | {
    path for name in DOMAIN for path in SOURCE.glob(f"domain/*/{name}.py")
}
FILES = sorted(path for path in FOUND if path.is_file() and path.stem not in UNTRANSLATED)
GAP = "\0"
# Texts that are looked for, or said elsewhere than in an alert.
RECOGNISED = {
    *("interactive authentication required", "password is required", "a terminal is required", "is not allowed to"),
    *("not in the sudoers", "no such container", "wrong version number", "packet length too long"),
    *("record layer failure", "reset by peer", "not yet valid", "self-signed certificate in certificate chain"),
    *("unable to get local issuer", "unable to verify the first", "ip address mismatch"),
    *("not allowed to end: " + GAP, "not yet installed", "a character that cannot be sent"),
    *("certificate has expired", "does not match", "no such script: ", "no reason given"),
    *("network is unreachable", f"the monitor gave {GAP} instead of a Reading"),
    "is Docker running, and is `host` right?",
    "session is read-only",
    "no password supplied|certificate|does not support SSL|authentication method|SCRAM|invalid .*value"
    "|service(?! not known)|could not match",
}


class _Lines(ast.NodeVisitor):
    """The texts of a module that read like a line of ours: three words or more, no settings' trouble, no docstring."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if not node.name.endswith(("problems", "problem")):
            for statement in node.body:
                self.visit(statement)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> None: ...

    def visit_Call(self, node: ast.Call) -> None:
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name not in ("Text", "counted", "ValueError", "TooSlow", "Right"):
            self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self.found.append("".join(str(p.value) if isinstance(p, ast.Constant) else GAP for p in node.values))

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.found.append(node.value)


def lines_of(path: Path) -> Iterator[str]:
    lines = _Lines()
    lines.visit(ast.parse(path.read_text()))
    for text in lines.found:
        if re.search(r"[a-z]{2,},? [a-z]{2,} [a-z]{2,}", text) and not re.search(
            r"\b(SELECT|select|SET)\b|\(\?:", text
        ):
            yield text


def left_in_english(text: str) -> bool:
    """Whether three English words in a row are left."""
    return bool(re.search(r"[A-Za-z']+,? [a-z']+,? [a-z']+", text))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_line_in_the_sources_is_a_sentence(path: Path) -> None:
    """A plain string would be stored without what it was made of, and stay English."""
    assert [line for line in lines_of(path) if line not in RECOGNISED] == []


def detection() -> Iterator[str]:
    window = Policy(fail_window=5)
    for policy in (Policy(), window):
        state, parent = State(since=0.0), Parent("db", in_fault=True)
        looks = [("error", parent)] * 3 + [("error", None)] * 3 + [("degraded", None)] * 6 + [("healthy", None)] * 9
        for at, (status, above) in enumerate(looks):
            state, events = step(policy, state, Observation(float(at), status, "x"), above)  # type: ignore[arg-type]
            yield from (event.reason for event in events)
        for at in range(3):
            state, events = step(policy, state, Observation(50.0 + at, "error", "x"))
            yield from (event.reason for event in events)


def tried(step: int, outcome: str, started: float, **more: float) -> Attempt:
    row = Attempt("i/1", "i", "main", step, "systemd", "heartbeat", "here", started, None, outcome, "why")
    return row._replace(**more)  # type: ignore[arg-type]


def decisions() -> Iterator[str]:
    plan = Plan("on", (Step("systemd", None), Step("script", None)))
    calm, limits = Circumstances("fault", "error"), Limits(60.0)

    def reason(around: Circumstances = calm, past: Sequence[Attempt] = (), plan: Plan = plan) -> str:
        return ladder.decide(plan, limits, Past(past, past, (), "here"), around, 100.0).reason

    for around in (
        calm,
        calm._replace(held_by="db"),
        calm._replace(parent_back=("db", 20.0)),
        calm._replace(maintenance="disk swap"),
        calm._replace(state="recovering"),
        calm._replace(blip=True),
        calm._replace(last_status="unknown"),
        calm._replace(uptime=5.0),
    ):
        yield reason(around)
    for past in (
        [tried(0, "done", 90.0, verify_until=130.0)],
        [tried(0, "running", 90.0)],
        [tried(0, "running", 10.0)],
        [tried(0, "lost", 10.0)],
        [tried(0, "cut off", 10.0)],
        [tried(0, "failed", 90.0)],
        [tried(1, "failed", 90.0)],
        [tried(1, "denied", 90.0)],
        [tried(0, "done", 10.0, verified=20.0)],
        [tried(0, "done", -200.0, verified=-190.0)],
        [tried(0, "done", 10.0, verified=20.0)] * 5,
        [tried(0, "failed", -20_000.0)],
    ):
        yield reason(past=past)
    yield reason(calm._replace(comes_back=(30.0, 9.0)), [tried(1, "done", 10.0)])
    yield of_component(reason(plan=plan._replace(mode="ask")), "main")
    yield reason(plan=plan._replace(mode="off"))
    yield reason(plan=plan._replace(ladder=()))


def containers() -> Iterator[str]:
    ill = {"Status": "unhealthy", "FailingStreak": 3, "Log": [{"ExitCode": 1, "Output": ""}]}
    for state in (
        {"Status": "restarting", "ExitCode": 137, "OOMKilled": True},
        {"Status": "exited", "ExitCode": 143},
        {"Status": "exited", "ExitCode": 127, "Error": "not found"},
        {"Status": "exited", "ExitCode": 126},
        {"Status": "paused"},
        {"Status": "created"},
        {"Status": "dead"},
        {"Status": "removing"},
        {"Status": "weird"},
        {"Status": "running", "Health": ill},
        {"Status": "running", "Health": ill | {"FailingStreak": 1}},
        {"Status": "running", "Health": {"Status": "starting"}},
    ):
        yield container.judge(state, exited_ok=False, ailing=True).error or ""


def services() -> Iterator[str]:
    settings = service.Settings("web")
    died = {"ExecMainStatus": "3", "ExecMainCode": "1"}
    for properties in (
        {"LoadState": "not-found"},
        {"LoadState": "masked", "ActiveState": "active"},
        {"LoadState": "bad-setting"},
        {"ActiveState": "failed", "Result": "exit-code", **died},
        {"ActiveState": "failed", "Result": "signal", "ExecMainStatus": "9", "ExecMainCode": "2"},
        {"ActiveState": "active", "SubState": "exited"},
        {"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code", **died},
        {"ActiveState": "activating", "SubState": "start"},
        {"ActiveState": "deactivating"},
        {"ActiveState": "maintenance"},
        {"ActiveState": "weird"},
        {"ActiveState": "inactive", "TriggeredBy": "web.timer", **died},
    ):
        yield service._judge(settings, properties, 0).error or ""
    yield service._judge(settings, died, 2).error or ""


def exchanges() -> Iterator[str]:
    facts = faults.TransferState(0, "what it said", "https", "example.org:443", False, 5.0, 111, 0.0, 0.0, 0.0, 0)
    for code in (*faults._BY_CODE, 60, 99):
        yield faults.fault_of(facts._replace(code=code)).text
        yield faults.fault_of(facts._replace(code=code, resolved=0.1, connected=0.2)).text
        yield faults.fault_of(facts._replace(code=code, resolved=0.1, connected=0.2, tls_done=0.3)).text
        yield faults.fault_of(facts._replace(code=code, resolved=0.1, connected=0.2, tls_done=1, received=9)).text
    for end in (None, 1_795_000_000.0):
        yield faults.fault_of(facts._replace(code=60, said=faults._EXPIRED, expired=end)).text
    for said, text in faults._CERTIFICATE_WORDS:
        told = faults.fault_of(facts._replace(code=60, said=said)).text
        assert told == text
        yield told


def others() -> Iterator[str]:
    late = slowness.judge(Common(slow_after=1.0), Reading("healthy", 2.0), {})
    past = slowness.judge(Common(slow_factor=3.0), Reading("healthy", 2.0), {slowness.MEMORY: [0.1] * 20})
    yield from (late.error or "", past.error or "")
    limits = postgres_health.Limits(85, 95, 60, 60, 1, 60, 60, 70)
    ill = ("app", True, 99, 100, 1, 90.0, None, 1, 7200.0, None, 2, 2, 75.0, None, 90.0, 0, 1.0, 2e9)
    yield postgres_health.judge(postgres_health.Figures(*ill), limits)[1] or ""
    beat = {"at": 0.0, "event": "success"}
    for beats in ([beat], [beat | {"event": "start"}], [beat | {"event": "fail", "exit_code": 3, "message": "full"}]):
        yield push.probe(push.Settings(60), CheckContext("it", 5, 90_000.0, {"beats": beats})).error or ""


@pytest.mark.parametrize("source", [detection, decisions, containers, services, exchanges, others])
def test_a_real_line_becomes_another_language(source: Callable[[], Iterator[str]]) -> None:
    lines = [line for line in dict.fromkeys(source()) if line]
    assert lines
    shown = {line: translated(line, "zh-HK") for line in lines}
    kept = re.compile("what it said|idle in transaction")  # words of the other side, and a state of PostgreSQL
    assert {line: text for line, text in shown.items() if left_in_english(kept.sub("", text))} == {}
    assert all(text != line for line, text in shown.items())


@pytest.mark.parametrize(
    ("sentence", "chinese"),
    [
        (
            Text("{n} failing checks in a row (threshold {threshold})", n=3, threshold=3),
            "連續 3 次檢查失敗（門檻 3 次）",
        ),
        (duration(7_500), "2 小時 5 分鐘"),
        (
            Text("no connection to {where}: {text}", where="db:5432", text=system_words("Connection refused")),
            "未能連接 db:5432：拒絕連接",
        ),
        (Text("no connection to {where}: {text}", where="done", text="failed"), "未能連接 done：failed"),
        (held(Text("{id}, which it depends on, is in fault", id="db")), "沒有自動修復：它所依賴的 db 發生故障"),
        (
            joined([Text("is being stopped"), "CRITICAL - 300 mails", duration(1)]),
            "正被停止；CRITICAL - 300 mails；1 秒",
        ),
        ("is being stopped", "is being stopped"),
        (Text("no catalog knows {this}", this="this"), "no catalog knows this"),
        (Text.known("1 of 2", "{missing} of {n:d}", {"n": "two"}), "1 of 2"),
        ("", ""),
    ],
)
def test_what_is_no_sentence_of_ours_stays(sentence: str, chinese: str) -> None:
    assert translated(sentence, "zh-HK") == chinese
    assert translated(sentence, "en") == translated(sentence, "tlh") == sentence


@pytest.mark.whole
def test_the_templates_take_the_values_they_are_given() -> None:
    """A place without a value, or a value without a place, would only be found where the line is said."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Text" and node.keywords
            if named and isinstance(template := node.args[0], ast.Constant):
                assert places(template.value) == {one.arg for one in node.keywords}, (path, template.value)


def places(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
