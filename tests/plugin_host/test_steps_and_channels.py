"""Actions and channels of a plug-in: their outcomes, what goes wrong with them, and how long they may take."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli import plugins
from heartbeat_cli.domain.alerting.message import Button, Message
from heartbeat_cli.errors import DeliveryError, PluginError
from heartbeat_cli.plugin_host import stand_in
from heartbeat_cli.plugin_host.host import Host
from heartbeat_cli.plugin_host.installed import Plugin
from tests.parts.plugins import HEAD, Packages

STEP = (
    HEAD
    + """
import os, subprocess, sys, time
def run(settings, *, timeout):
    return globals()[settings.how](timeout)
def well(timeout):
    print("noise")
    return Outcome("done", "did it within %g s" % timeout, "said\\x1b[31m this")
def raises(timeout):
    raise RuntimeError("no hammer")
def exits(timeout):
    sys.exit(1)
def vanishes(timeout):
    os._exit(0)
def hangs(timeout):
    time.sleep(600)
def nothing(timeout):
    return "done"
def odd(timeout):
    return Outcome("splendid", "so it was")
def starts(timeout):
    child = subprocess.Popen(["sleep", "300"])
    return Outcome("done", str(child.pid))
def bounds(timeout):
    import resource
    return Outcome("done", str(resource.getrlimit(resource.RLIMIT_DATA)))
def hold(settings, *, timeout, before=""):
    return "two\\nlines" if settings.how == "held" else None
def happened(settings, since, *, timeout):
    return since > 5
def begun(settings, *, timeout):
    return "yesterday"
def rights(settings, *, timeout):
    if settings.how == "raises":
        raise OSError("broken")
    return Right("bad", "may not", "ask root")
"""
)
CHANNEL = (
    HEAD
    + """
import sys, time
def send(settings, message, *, timeout):
    if settings.how == "hangs":
        time.sleep(600)
    if settings.how == "exits":
        sys.exit(1)
    if settings.how == "raises":
        raise ValueError("bah")
    if settings.how == "busy":
        raise DeliveryError("later", retryable=True, retry_after=30)
    if settings.how == "final":
        raise DeliveryError("never", retryable=False, unsure=True, lasting=True)
    return f"{message.id} {message.threads} {message.severity} {message.headline}"
"""
)
KEYS = (Button("a", "b", "c"),)
MESSAGE = Message("id", "tcp_down", "high", "title", "text", "<b>h</b>", "c", 1.5, threads=("a", "b"), buttons=KEYS)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    found = Packages(tmp_path_factory.mktemp("plugins") / "site")
    found.add("tools", actions_step=STEP, channels_wire=CHANNEL)
    return found


def hosted(packages: Packages, patch: pytest.MonkeyPatch, room: str, kind: str) -> Iterator[Host]:
    with patch.context() as here:
        here.syspath_prepend(str(packages.folder))
        place = str(packages.folder / "tools-1.0.dist-info")
        host = Host(Plugin(room, kind, f"hb_tools.{kind}", "tools", "1.0", place))
        yield host
        host.close()


@pytest.fixture
def step(packages: Packages, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    yield from hosted(packages, monkeypatch, "actions", "step")


@pytest.fixture
def wire(packages: Packages, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    yield from hosted(packages, monkeypatch, "channels", "wire")


PREFIX = "plug-in step (tools 1.0): "


@pytest.mark.parametrize(
    ("how", "result", "detail"),
    [
        ("well", "done", "did it within 20 s"),
        ("raises", "failed", PREFIX + "RuntimeError: no hammer (hb_tools/step.py:"),
        ("exits", "failed", PREFIX + "SystemExit: 1 (hb_tools/step.py:"),
        ("vanishes", "unsure", PREFIX + "its process ended before it answered"),
        ("nothing", "failed", PREFIX + "TypeError: it gave str instead of an Outcome"),
        ("odd", "unsure", PREFIX + "Outcome.result is 'splendid'; expected one of done, failed, denied, refused"),
    ],
)
def test_the_outcome_of_a_step(step: Host, how: str, result: str, detail: str) -> None:
    module = stand_in.module(step)
    outcome = module.run(module.Settings(how), timeout=20)
    assert (outcome.result, outcome.detail[: len(detail)]) == (result, detail)


def test_what_a_step_prints_cannot_steer_a_terminal(step: Host) -> None:
    module = stand_in.module(step)
    assert module.run(module.Settings("well"), timeout=20).output == "said[31m this"


def test_a_step_is_ended_at_its_deadline_and_nobody_knows_how_far_it_came(step: Host) -> None:
    module = stand_in.module(step)
    begun = time.monotonic()
    outcome = module.run(module.Settings("hangs"), timeout=0.5)
    assert time.monotonic() - begun < 60
    assert outcome == ("unsure", PREFIX + "it did not end within 0.5 s and was killed", "")


def test_what_a_step_has_started_lives_on_without_bounds_of_ours(step: Host) -> None:
    module = stand_in.module(step)
    started = module.run(module.Settings("starts"), timeout=20)
    pid = int(started.detail)
    assert module.run(module.Settings("well"), timeout=20).result == "done", "the first has been reaped by now"
    assert Path(f"/proc/{pid}").exists()
    import os
    import resource

    os.kill(pid, 9)
    assert module.run(module.Settings("bounds"), timeout=20).detail == str(resource.getrlimit(resource.RLIMIT_DATA))


def test_questions_to_an_action(step: Host) -> None:
    module = stand_in.module(step)
    one = module.Settings()
    assert module.hold(module.Settings("held"), timeout=5, before="x") == "two lines"
    assert module.hold(one, timeout=5) is None
    assert module.happened(one, 4.0, timeout=5) is False
    assert module.rights(one, timeout=5) == ("bad", "may not", "ask root")
    assert module.rights(module.Settings("raises"), timeout=5).level == "warn"
    with pytest.raises(PluginError, match="the number is 'yesterday'; expected a number"):
        module.begun(one, timeout=5)
    assert not hasattr(module, "left_behind"), "it has none"


def test_a_channel(wire: Host) -> None:
    module = stand_in.module(wire)
    assert module.send(module.Settings(), MESSAGE, timeout=20) == "id ('a', 'b') high title"


@pytest.mark.parametrize(
    ("how", "text", "retryable", "after", "lasting", "unsure"),
    [
        ("busy", "later", True, 30.0, False, False),
        ("final", "never", False, None, True, True),
        ("raises", "plug-in wire (tools 1.0): ValueError: bah (hb_tools/wire.py:", True, None, False, False),
        ("exits", "plug-in wire (tools 1.0): SystemExit: 1 (hb_tools/wire.py:", True, None, False, False),
        ("hangs", "plug-in wire (tools 1.0): it did not end within 0.5 s and was killed", True, None, False, True),
    ],
)
def test_what_a_channel_did_not_take(
    wire: Host, how: str, text: str, retryable: bool, after: float | None, lasting: bool, unsure: bool
) -> None:
    module = stand_in.module(wire)
    with pytest.raises(DeliveryError) as error:
        module.send(module.Settings(how), MESSAGE, timeout=0.5 if how == "hangs" else 20)
    found = error.value
    assert str(found).startswith(text)
    assert (found.retryable, found.retry_after, found.lasting, found.unsure) == (retryable, after, lasting, unsure)


def test_one_whose_process_has_ended_says_so(wire: Host) -> None:
    module = stand_in.module(wire)
    wire.close()
    with pytest.raises(DeliveryError, match="its process has ended"):
        module.send(module.Settings(), MESSAGE, timeout=20)


def test_no_kind_of_ours_is_a_plug_in() -> None:
    assert [plugins.installed(package) for package in plugins.PACKAGES] == [(), (), ()]
