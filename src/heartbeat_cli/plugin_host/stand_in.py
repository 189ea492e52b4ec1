"""The module that stands in for a plug-in's: the functions of the contract, each of which calls the plug-in's process.

Whoever loads a kind need not know whether it is built in.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import ModuleType
from typing import Any

from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.checking.result import CheckContext, Reading, unknown
from heartbeat_cli.domain.plain import duration, one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.recovery.outcome import Outcome, Right
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import DeliveryError, PluginError, Unobservable
from heartbeat_cli.plugin_host import frames, shapes, values
from heartbeat_cli.plugin_host.host import Host, named
from heartbeat_cli.plugin_host.installed import Plugin

_EXAMINE, _EXAMINES = 1.0, 5.0  # seconds to judge settings: those of one component, those of all
_ANSWERS: dict[str, Callable[[Any], Any]] = {
    "hold": values.line,
    "happened": values.truth,
    "begun": values.number,
    "left_behind": values.number,
    "rights": values.right,
}


class _NoSettings(Record):
    """Takes no keys that are known."""


def module(host: Host) -> ModuleType:
    """The stand-in for the plug-in of this process. One that cannot be used has `BROKEN`, which says why."""
    found = ModuleType(f"plug-in {host.plugin.kind}")
    found.PLUGIN = host.plugin  # type: ignore[attr-defined]
    try:
        said = host.description()
        settings = shapes.made_class(said["settings"])
    except PluginError as error:
        return _broken(found, str(error))
    functions = set(said["functions"])
    caller = _Caller(host, functions)
    names = {"monitors": caller.monitor, "actions": caller.action, "channels": caller.channel}[host.plugin.room]()
    found.__doc__ = said["doc"]
    words = {"DESCRIPTION": said["description"], "ADVICE": tuple(said["advice"])}
    vars(found).update(names, Settings=settings, SEVERITY=said["severity"], **words)
    return found


def several(plugins: Sequence[Plugin]) -> ModuleType:
    """The stand-in for a kind that several distributions have: nobody can tell which is meant."""
    found = ModuleType(f"plug-in {plugins[0].kind}")
    text = Text(
        "several packages have a kind {kind}: {origins}; uninstall all but one of them",
        kind=plugins[0].kind,
        origins=", ".join(one.origin for one in plugins),
    )
    return _broken(found, text)


def _broken(found: ModuleType, why: str) -> ModuleType:
    found.__doc__ = f"A plug-in that cannot be used.\n\n{why}"
    vars(found).update(BROKEN=why, Settings=_NoSettings)
    return found


class _Caller:
    """The functions of a stand-in: what they take goes to the plug-in's process, what that gives is judged here."""

    def __init__(self, host: Host, functions: Iterable[str]) -> None:
        self._host, self._functions = host, set(functions)
        self._examined: dict[str, dict[str, Any]] = {}
        self._left = _EXAMINES

    def monitor(self) -> dict[str, Any]:
        names = {"probe_all": self._probe_all} if "probe_all" in self._functions else {"probe": self._probe}
        return {**names, **self._usual("problems", "host_of", "grace")}

    def action(self) -> dict[str, Any]:
        asked = {name: partial(self._ask, name) for name in _ANSWERS if name in self._functions}
        return {"run": self._run, **asked, **self._usual("problems")}

    def channel(self) -> dict[str, Any]:
        return {"send": self._send, **self._usual("problems")}

    def _usual(self, *names: str) -> dict[str, Any]:
        every = {"problems": self._problems, "host_of": self._host_of, "grace": self._grace}
        return {name: every[name] for name in names if name in self._functions}

    # --- monitors

    def _probe(self, settings: Any, context: CheckContext) -> Reading:
        asked = {"settings": shapes.plain(settings), "context": _context(context)}
        try:
            return values.reading(self._observed("probe", context.timeout, asked))
        except values.Nonsense as error:
            raise Unobservable(named(self._host.plugin, str(error))) from None

    def _probe_all(self, pairs: Sequence[tuple[Any, CheckContext]]) -> list[Reading]:
        """A reading of each; what is wrong with it, or too long on the way there, costs its own component."""
        parts: dict[int, bytes] = {}
        said: dict[int, Any] = {}
        for place, (settings, context) in enumerate(pairs):
            try:
                parts[place] = frames.packed((shapes.plain(settings), _context(context)))
            except (ValueError, TypeError) as error:
                said[place] = {"raised": Text("it cannot be asked about that: {error}", error=str(error))}
        if parts:
            timeout = max(context.timeout for _, context in pairs)
            said |= zip(parts, self._observed("probe_all", timeout, {"parts": [*parts.values()]}), strict=True)
        return [self._judged(said[place], context) for place, (_, context) in enumerate(pairs)]

    def _judged(self, data: Any, context: CheckContext) -> Reading:
        try:
            match data:
                case {"raised": str(why)}:
                    raise values.Nonsense(why)
            return values.reading(data)
        except values.Nonsense as error:
            return unknown(named(self._host.plugin, str(error)), context.memory)

    def _observed(self, name: str, timeout: float, asked: dict[str, Any]) -> Any:
        try:
            return self._host.call(name, timeout, **asked)
        except PluginError as error:
            raise Unobservable(error.args[0]) from None

    # --- actions

    def _run(self, settings: Any, *, timeout: float) -> Outcome:
        try:
            return values.outcome(self._host.call("run", timeout, settings=shapes.plain(settings)))
        except values.Nonsense as error:
            return Outcome("unsure", named(self._host.plugin, str(error)))
        except PluginError as error:
            return Outcome("unsure" if error.unsure else "failed", error.args[0])
        except (Unobservable, TypeError) as error:
            return Outcome("failed", named(self._host.plugin, str(error)))

    def _ask(self, name: str, settings: Any, *given: Any, timeout: float, **also: Any) -> Any:
        """A question to an action. Raises PluginError; whoever asks takes that for no answer."""
        asked = {"settings": shapes.plain(settings), "given": given, "named": {"timeout": timeout, **also}}
        try:
            return _ANSWERS[name](self._host.call(name, timeout, **asked))
        except (values.Nonsense, Unobservable, PluginError) as error:
            plain = isinstance(error, PluginError)
            text = error.args[0] if plain else named(self._host.plugin, str(error))
            if name == "rights":  # shown by `heartbeat doctor`
                return Right("warn", text)
            raise PluginError(text) from None

    # --- channels

    def _send(self, settings: Any, message: Message, *, timeout: float) -> str | None:
        asked = {**message._asdict(), "buttons": ()}
        try:
            found = self._host.call("send", timeout, settings=shapes.plain(settings), message=asked)
            match found:
                case {"undelivered": dict(known)}:
                    raise _undelivered(known)
            return values.line(found)
        except values.Nonsense:
            return None  # it was sent
        except PluginError as error:
            raise DeliveryError(error.args[0], retryable=True, unsure=error.unsure) from None
        except Unobservable as error:
            raise DeliveryError(named(self._host.plugin, str(error)), retryable=True) from None

    # --- what settings say

    def _examine(self, settings: Any) -> dict[str, Any]:
        data = shapes.plain(settings)
        key = json.dumps(data, sort_keys=True)
        if key not in self._examined:
            found = self._asked(data)
            if not isinstance(found, dict):
                raise PluginError(named(self._host.plugin, Text("it gave no answer about its settings")))
            self._examined[key] = found
        return self._examined[key]

    def _asked(self, data: Any) -> Any:
        """What the plug-in says of settings: one that takes for ever is not waited for again with each component."""
        if self._left <= 0:
            text = Text("it did not judge the settings of all components within {span}", span=duration(_EXAMINES))
            raise PluginError(named(self._host.plugin, text))
        begun = time.monotonic()
        try:
            return self._host.call("examine", min(_EXAMINE, self._left), settings=data)
        finally:
            self._left -= time.monotonic() - begun

    def _problems(self, settings: Any) -> list[tuple[str, str]]:
        try:
            return values.pairs(self._examine(settings).get("problems", []))
        except (values.Nonsense, Unobservable) as error:
            raise PluginError(named(self._host.plugin, str(error))) from None

    def _host_of(self, settings: Any) -> str | None:
        try:
            return values.line(self._examine(settings).get("host_of"))
        except (values.Nonsense, PluginError, Unobservable):
            return None

    def _grace(self, settings: Any) -> float:
        try:
            return values.number(self._examine(settings).get("grace")) or 0.0
        except (values.Nonsense, PluginError, Unobservable):
            return 0.0


def _context(context: CheckContext) -> dict[str, Any]:
    return {**context._asdict(), "note": None}


def _undelivered(known: dict[str, Any]) -> DeliveryError:
    after = known.get("retry_after")
    retry_after = float(after) if isinstance(after, int | float) and not isinstance(after, bool) and after > 0 else None
    return DeliveryError(
        one_line(str(known.get("text", ""))),
        retryable=known.get("retryable") is True,
        retry_after=retry_after,
        lasting=known.get("lasting") is True,
        unsure=known.get("unsure") is True,
    )
