"""The program: runs a verb, and turns errors into one line and an exit code."""

import errno
import gc
import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from heartbeat_cli.errors import HeartbeatError, Stopped
from heartbeat_cli.system import environment, lean_path  # noqa: F401 - lean_path: before anything imports pathlib

if TYPE_CHECKING:
    from heartbeat_cli.commands._base import App

_INTERNAL = 3
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_LINE = 2_000  # characters of a line of error
_GARBAGE = 100_000  # objects between two searches for garbage: a pass is over before much can gather


def main(args: list[str] | None = None) -> NoReturn:
    """Run a verb and end the process with its exit code."""
    gc.set_threshold(_GARBAGE)
    environment.judge()
    for number in range(3):
        # A closed stream's number would be taken by the next file that is opened: the lock, a socket.
        with suppress(OSError):
            os.fstat(number)
            continue
        os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:  # it was closed; click before 8.1.4 takes that for an error, and so does who asks its width
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - it lives as long as the process
    code = _stoppable(args)
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            _discard(number)
    if (plugins := sys.modules.get("heartbeat_cli.plugins")) is not None:  # not every verb has to do with kinds
        plugins.end()
    # Everything is written and closed. Python's own exit, which frees every object, would take a sixth of a pass.
    os._exit(code)


def _stoppable(args: list[str] | None) -> int:
    """`run`, during which Ctrl-C is an exception that closes what is open; before and after, it ends the process."""
    before = signal.getsignal(signal.SIGINT)
    try:
        if before is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return run(args)
    except KeyboardInterrupt:  # before `run` was ready, or once more while the first one was answered
        with suppress(OSError):
            os.write(2, b"heartbeat: stopped\n")
        return Stopped.exit_code
    finally:
        signal.signal(signal.SIGINT, before)


def run(args: list[str] | None = None) -> int:
    """Run a verb and return its exit code; any error is one line on standard error."""
    from heartbeat_cli.commands._base import App

    app = App()
    try:
        return _invoke(sys.argv[1:] if args is None else args, app)
    except KeyboardInterrupt:
        return _print_error(str(Stopped()), Stopped.exit_code)
    except HeartbeatError as error:
        return _print_error(_in_words(app, error), error.exit_code, app.secrets)
    except (SystemExit, BrokenPipeError):
        # The reader of our output has gone, which click turns into SystemExit. There is nobody to print to.
        _discard(1)
        return _INTERNAL
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _UNWRITABLE and error.filename is None:
            _discard(1)
            return _print_error(f"output cannot be written: {error.strerror}", _INTERNAL)
        if os.environ.get("HEARTBEAT_DEBUG"):
            return _print_traceback(error, app.secrets)
        text = f"internal error: {type(error).__name__}: {error} (HEARTBEAT_DEBUG=1 shows where)"
        return _print_error(text, _INTERNAL, app.secrets)


def _in_words(app: "App", error: HeartbeatError) -> str:
    """The text of an error in the reader's language, as far as the configuration can be read."""
    from heartbeat_cli.domain.text import Text

    text = str(error)
    if isinstance(text, Text) and app.reader is None:
        with suppress(HeartbeatError):
            app.config  # noqa: B018 - it is read here where the verb had not come to it
    return app.words(text)


def _invoke(args: list[str], app: "App") -> int:
    verbose = _plain_run(args)
    if verbose is None:
        from heartbeat_cli import verbs

        return verbs.invoke(args, app)
    from heartbeat_cli.commands._chain import whole_pass

    app.path = args[1] if args[0] == "--config" else None
    return whole_pass(app, verbose)


def _plain_run(args: list[str]) -> bool | None:
    """Whether these arguments, written as cron has them (`[--config FILE] run [-v]`), ask for a verbose run; None for
    all others. This form needs no click, whose import and work would be an eighth of the run."""
    words = args[2:] if len(args) > 2 and args[0] == "--config" and not args[1].startswith("-") else args
    if words == ["run"]:
        return False
    return True if words in (["run", "-v"], ["run", "--verbose"]) else None


def _print_error(text: str, code: int, secrets: Iterable[str] = ()) -> int:
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.redact import redact

    lines = redact(text, secrets).splitlines() or [""]
    _write_error(f"heartbeat: {one_line(line, _LINE)}\n" for line in lines)
    return code


def _print_traceback(error: Exception, secrets: Iterable[str]) -> int:
    """Print where an error happened, escaped and without secrets, because foreign text may be in it."""
    import traceback

    from heartbeat_cli.domain.plain import printable
    from heartbeat_cli.redact import redact

    _write_error([printable(redact("".join(traceback.format_exception(error)), secrets))])
    return _INTERNAL


def _write_error(lines: Iterable[str]) -> None:
    try:
        if sys.stderr is not None:
            sys.stderr.writelines(lines)
            sys.stderr.flush()
    except OSError:
        _discard(2)  # the exit code has to say it all


def _discard(number: int) -> None:
    """Let what is still buffered for this stream go nowhere: Python would try to write it once more at the end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
