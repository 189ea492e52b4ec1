"""The calls into a plug-in's module, in its own process: from data to the values of the contract, and back."""

import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.recovery.outcome import Outcome, Right
from heartbeat_cli.errors import DeliveryError, Unobservable
from heartbeat_cli.plugin_host import shapes

_LONG = 2_000  # characters of what an exception or a reading says: more is shown nowhere


def answer(module: ModuleType, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a call gives (`gave`), or what it raised."""
    try:
        return {"gave": _CALLS.get(asked["call"], _question)(module, asked)}
    except Unobservable as error:
        return {"unobservable": str(error)[:_LONG]}
    except DeliveryError as error:
        known = {"retryable": error.retryable, "lasting": error.lasting, "unsure": error.unsure}
        return {"undelivered": {**known, "text": str(error)[:_LONG], "retry_after": error.retry_after}}
    except BaseException as error:  # sys.exit, too
        return {"raised": said(error, module)}


def said(error: BaseException, module: ModuleType | None = None) -> str:
    """An exception on one line, with the place in the plug-in (or elsewhere) where it was raised."""
    import traceback  # only a mistake needs it

    text = f"{type(error).__name__}: {str(error)[:_LONG]}".removesuffix(": ")
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg} ({_place(error.filename)}:{error.lineno})"
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "heartbeat_cli" not in one.filename]
    frames = [one for one in frames if not one.filename.startswith("<")]
    home = (getattr(module, "__file__", None) or "").rpartition("/")[0]
    own = [one for one in frames if home and one.filename.startswith(home)]
    if not (frames := own or frames):
        return text
    return f"{text} ({_place(frames[-1].filename)}:{frames[-1].lineno})"


def _place(path: str) -> str:
    """The last folder of a path and the file."""
    return "/".join(path.split("/")[-2:])


def _settings(module: ModuleType, data: Any) -> Any:
    return shapes.value_of(module.Settings, data)


def _context(data: Mapping[str, Any]) -> CheckContext:
    return CheckContext(**data)


def _probe(module: ModuleType, asked: Mapping[str, Any]) -> list[Any]:
    settings, context = _settings(module, asked["settings"]), _context(asked["context"])
    if hasattr(module, "request"):
        return _reading(_exchanged(module, settings, context))
    return _reading(module.probe(settings, context))


def _probe_all(module: ModuleType, asked: Mapping[str, Any]) -> list[Any]:
    """The readings of all; what is no Reading costs its own component."""
    every = [(_settings(module, settings), _context(context)) for settings, context in asked["pairs"]]
    found = list(module.probe_all(every))
    if len(found) != len(every):
        raise ValueError(f"probe_all gave {len(found)} readings for {len(every)} components")
    return [_reading(one) if isinstance(one, Reading) else {"raised": _no_reading(one)} for one in found]


def _reading(value: Any) -> list[Any]:
    """A reading as data, with texts that are no longer than what is shown: a target may have given them."""
    if not isinstance(value, Reading):
        raise TypeError(_no_reading(value))
    if isinstance(value.evidence, Mapping):
        value = value._replace(evidence={key: _cut(text) for key, text in value.evidence.items()})
    return [*value._replace(error=_cut(value.error))]


def _no_reading(value: Any) -> str:
    return f"it gave {type(value).__name__} instead of a Reading"


def _cut(text: Any) -> Any:
    """The "…" says that there was more: half of a secret is known by that."""
    return f"{text[: _LONG - 1]}…" if isinstance(text, str) and len(text) > _LONG else text


def _exchanged(module: ModuleType, settings: Any, context: CheckContext) -> Reading:
    """The exchange of `request` and `read`, and the one that may follow it."""
    from heartbeat_cli.domain.checking.exchange import FollowUp, Response
    from heartbeat_cli.http import multi

    ends, found = time.monotonic() + context.timeout, list[Any]()
    then: list[FollowUp] = []

    def done(exchange: multi.Exchange, response: Response) -> multi.Exchange | None:
        try:
            value = then[0].read(response) if then else module.read(settings, response, context)
        except Exception as error:  # the wire would lose it
            value = error
        if isinstance(value, FollowUp) and not then:
            then.append(value)
            return exchange._replace(request=value.request, timeout=max(0.0, ends - time.monotonic()))
        found.append(value)
        return None

    first = multi.Exchange(context.component, module.request(settings, context), context.timeout)
    multi.drive([first], deadline=ends, done=done)
    if not found or isinstance(found[0], Exception):
        raise found[0] if found else Unobservable("no answer in time")
    reading: Reading = found[0]
    return reading


def _examine(module: ModuleType, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the module says of settings: what is wrong with them, the host they lead to, how long a step needs."""
    settings, said = _settings(module, asked["settings"]), dict[str, Any]()
    for name in ("problems", "host_of", "grace"):
        if callable(ask := getattr(module, name, None)):
            found = ask(settings)
            said[name] = [list(one) for one in found] if name == "problems" else found
    return said


def _run(module: ModuleType, asked: Mapping[str, Any]) -> list[Any]:
    found = module.run(_settings(module, asked["settings"]), timeout=asked["timeout"])
    if not isinstance(found, Outcome):
        raise TypeError(f"it gave {type(found).__name__} instead of an Outcome")
    return [*found]


def _send(module: ModuleType, asked: Mapping[str, Any]) -> Any:
    data = asked["message"]
    message = Message(**{**data, "threads": tuple(data["threads"])})
    return module.send(_settings(module, asked["settings"]), message, timeout=asked["timeout"])


def _question(module: ModuleType, asked: Mapping[str, Any]) -> Any:
    """A question to an action: `hold`, `happened`, `begun`, `left_behind` or `rights`."""
    ask = getattr(module, asked["call"])
    found = ask(_settings(module, asked["settings"]), *asked["given"], **asked["named"])
    return [*found] if isinstance(found, Right) else found


_CALLS: Mapping[str, Callable[[ModuleType, Mapping[str, Any]], Any]] = {
    "probe": _probe,
    "probe_all": _probe_all,
    "examine": _examine,
    "run": _run,
    "send": _send,
}
