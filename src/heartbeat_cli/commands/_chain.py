"""The whole pass of `heartbeat run`: check, detect, recover, notify, dashboard.

Cron starts it every few seconds, so it is reached without click (see `cli.py`), which would cost a tenth of it.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from heartbeat_cli.commands import _judge
from heartbeat_cli.commands._base import App
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import ConfigError, HeartbeatError

if TYPE_CHECKING:
    from heartbeat_cli.commands._buttons import Buttons
    from heartbeat_cli.commands._deliver import PassDelivery
    from heartbeat_cli.passes.check.check import Checked
    from heartbeat_cli.passes.housekeeping.ping import Ping
    from heartbeat_cli.passes.recover.results import StepResult
    from heartbeat_cli.store.standby.keeper import Keeper
    from heartbeat_cli.system.lock import Busy

Log = Callable[[str], None]
_TURN = 10.0  # seconds: a command that holds the lock for longer makes the checks that fall due, or hangs


def whole_pass(app: App, verbose: bool) -> int:
    """Make one pass and return its exit code. Faults of components are notified by alerts. Raises HeartbeatError."""
    from heartbeat_cli.config import places
    from heartbeat_cli.passes.housekeeping.ping import Ping
    from heartbeat_cli.system import lock

    app.discovers = True
    log = app.remark if verbose else lambda text: None
    begun = time.monotonic()
    ping = Ping(app.config.heartbeat.ping_url, app.config.heartbeat.ping_every, places.config_folder(app.config))
    done = ""
    try:
        with app.keeper(wait=0.0, begin=ping.begin, turn=_TURN) as keeper:
            if keeper.degraded is None and os.path.exists(places.config_folder(app.config) / lock.HELD):
                _lock_is_free(app, keeper)
            done = _chain(app, keeper, log)
        log(Text("done in {seconds:.2f} s", seconds=time.monotonic() - begun))
        if app.config.unresolved:
            raise ConfigError(list(app.config.unresolved))
    except lock.Busy as busy:
        return _busy(app, busy, ping, log)
    except Exception as error:
        _end(app, ping, log, getattr(error, "exit_code", HeartbeatError.exit_code), f"{done}\n{error}")
        raise
    _end(app, ping, log, 0, done)
    return 0


def _busy(app: App, busy: "Busy", ping: "Ping", log: Log) -> int:
    """Another run is at work. That is an error only when it has been so for too long."""
    from heartbeat_cli.commands import _lock_held

    try:
        _lock_held.refuse_to_wait(app, busy)
    except HeartbeatError as error:
        _end(app, ping, log, error.exit_code, str(error))
        raise error from None
    log(str(busy))
    return 0


def _lock_is_free(app: App, keeper: "Keeper") -> None:
    """Notify people that the lock is free, after they were notified that it was held."""
    from heartbeat_cli.config import places
    from heartbeat_cli.passes.housekeeping import lock_held

    keeper.run(lambda db: lock_held.notify_end(db, app.config, places.config_folder(app.config), app.now()), app.now())


def _end(app: App, ping: "Ping", log: Log, code: int, said: str) -> None:
    """Send the ping of a run that has ended, after the lock was released: a slow receiver holds nobody up."""
    from heartbeat_cli.domain.plain import bounded
    from heartbeat_cli.redact import redact

    trouble = ping.end(code, bounded(redact(said.strip(), app.secrets)))
    if trouble is not None:
        log(Text("ping: {trouble}", trouble=trouble))


def _chain(app: App, keeper: "Keeper", log: Log) -> str:
    """Make the pass, and return what it came to, in a few words."""
    from heartbeat_cli.commands._deliver import PassDelivery, line, summed_up
    from heartbeat_cli.config import prepared
    from heartbeat_cli.passes.check import check
    from heartbeat_cli.passes.detect import detect
    from heartbeat_cli.passes.housekeeping import tidy

    config, now = app.config, app.now
    buttons = _buttons(app, keeper, log)
    seen = keeper.run(
        lambda db: check.take(db, config, now(), prepare=imports_for_faults(config), confirms=True), now()
    )
    log(Text("checked {count} of {total} components", count=len(seen.readings), total=len(config.components)))
    declared = _judge.keep_and_judge(app, keeper, seen, log)
    if any(reading.certain for reading in seen.readings.values()):
        declared += _confirm(app, keeper, seen, log)
    post = PassDelivery(app, keeper)
    post.await_recovery(declared)
    keeper.refresh_mirror(now())
    post.go()
    if buttons is not None and buttons.carry_out():
        keeper.refresh_mirror(now())
        post.go()
    faults = keeper.run(detect.in_fault, now())
    if faults and _recover(app, keeper, post, log, buttons):
        keeper.refresh_mirror(now())
        post.go()
    _judge.draw(app, keeper)
    prepared.keep(config)
    if keeper.degraded is None:
        tidy.tidy(keeper.db, config, now())
        _remark(app, keeper)
    sent = post.end()  # from here on without the lock
    for notification in sent:
        log(line(notification))
    text = Text(
        "checked {count}, {faults} in fault, {sent}", count=len(seen.readings), faults=faults, sent=summed_up(sent)
    )
    return text if keeper.degraded is None else Text("{text}, the store is away", text=text)


def _confirm(app: App, keeper: "Keeper", seen: "Checked", log: Log) -> list[str]:
    """Check what has certainly failed again, until it is in fault, is not, or the time for that is over. Returns the
    components whose fault has been declared."""
    from heartbeat_cli.passes.check import check, confirm

    config, until, declared = app.config, time.monotonic() + confirm.LONGEST, list[str]()
    while (again := keeper.run(partial(confirm.due, config=config, seen=seen), app.now())) is not None:
        if time.monotonic() + again.wait > until:
            break
        time.sleep(again.wait)
        take = partial(check.take, config=config, now=app.now(), wanted=again.components, confirms=True)
        seen = keeper.run(take, app.now())
        log(Text("checked {names} again", names=", ".join(again.components)))
        declared += _judge.keep_and_judge(app, keeper, seen, log, further=True)
    return declared


def imports_for_faults(config: Any) -> tuple[Callable[[], object], ...]:
    """Functions that import what takes long, for faults that the checks are about to find."""

    def recovery() -> None:
        from heartbeat_cli.passes.recover import recover  # noqa: F401

    def messages() -> None:
        from heartbeat_cli.views import messages

        messages.prepare(config.heartbeat.locale, config.heartbeat.templates)

    return recovery, messages


def _remarks(config: Any) -> Iterator[tuple[str, str]]:
    """What a run says once a day while it is so, and under which name: a proxy in the environment, which is not
    followed, variables that were dropped, and blocks that stand for what is not watched."""
    from heartbeat_cli.domain.text import Text
    from heartbeat_cli.http import proxies
    from heartbeat_cli.system import environment

    if ignored := proxies.ignored(config.heartbeat.proxy, os.environ):
        yield "proxy", Text("{text}: {advice}", text=ignored, advice=proxies.ADVICE)
    for name, said, advice in environment.remarks():
        yield name, Text("{text}: {advice}", text=said, advice=advice)
    if config.groups:
        from heartbeat_cli.config import unused

        for key, text, advice in unused.unwatched(config):
            yield key, f"{key}: {text}; {advice}"


def _remark(app: App, keeper: "Keeper") -> None:
    for about, text in _remarks(app.config):
        from heartbeat_cli.passes.housekeeping import daily_remark

        if daily_remark.is_due(keeper.db, app.config, about, app.now()):
            app.remark(Text("heartbeat: {line}", line=text))


def _buttons(app: App, keeper: "Keeper", log: Log) -> "Buttons | None":
    """The buttons of this pass, whose presses are being asked for; None where no channel has any."""
    if not any(getattr(one.settings, "buttons", False) for one in app.config.channels.values()):
        return None
    from heartbeat_cli.commands import _buttons

    return _buttons.begun(app, keeper, log)


def _recover(app: App, keeper: "Keeper", post: "PassDelivery", log: Log, buttons: "Buttons | None") -> bool:
    """Run recovery. Returns whether anything was written, or waits to be sent: while something stays in fault, most
    passes have nothing to do."""
    from heartbeat_cli.commands import _decisions, _recover

    before = keeper.db, keeper.db.rows_written
    awaited = post.awaits
    try:
        asked = buttons.take_orders() if buttons is not None else []
        steps = _recover.recover(app, keeper, post, log, asked=asked)
        for step in _known(app, keeper, steps):
            log(_decisions.step(step))
        if buttons is not None:
            buttons.settle_orders(steps)
    finally:
        post.release()
    return awaited or before != (keeper.db, keeper.db.rows_written)


def _known(app: App, keeper: "Keeper", steps: "list[StepResult]") -> "list[StepResult]":
    """The same, with the sentences in them that were read from the store as such, for another language than English."""
    if app.locale == "en" or not steps:
        return steps
    from heartbeat_cli.store.sql import sentences

    known: list[StepResult] = keeper.run(lambda db: sentences.known(db, steps, app.locale), app.now())
    return known
