"""Sources on this host: a file, or the first number that a program prints."""

import os
import re
import stat
import time

from heartbeat_cli.domain.plain import one_line, system_words
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._sources import FileSource
from heartbeat_cli.system import foreign_file

_MOST_BYTES = 67_108_864  # whose lines are counted
_CHUNK = 1_048_576
_LONGEST_LINE = 1_000  # characters of the first line of a program that are searched
# A whole word: n8n and 12s hold no number.
_NUMBER = re.compile(
    r"(?<![\w.+-])[-+]?(?:[0-9]{1,300}(?:\.[0-9]{0,300})?|\.[0-9]{1,300})(?:[eE][-+]?[0-9]{1,3})?(?!\.?\w)"
)


def problems(source: FileSource | tuple[str, ...]) -> list[tuple[str, str]]:
    """What is wrong with a source, as (key, text)."""
    if isinstance(source, FileSource):
        return [] if os.path.isabs(source.path) else [("path", "expected an absolute path")]
    if not source or not source[0]:
        return [("", 'is empty; expected a program and its arguments, as ["/path/to/count", "jobs"]')]
    return []


def host_of(source: FileSource | tuple[str, ...]) -> str | None:
    """None: it is on this host."""
    return None


def read(source: FileSource | tuple[str, ...], deadline: float) -> float:
    """The number, by the deadline (time.monotonic()). Raises Unobservable."""
    if not isinstance(source, FileSource):
        return _printed(source, deadline)
    try:
        return _of_file(source, deadline)
    except OSError as error:
        why = system_words((error.strerror or str(error)).lower())
        raise Unobservable(Text("{path}: {why}", path=one_line(source.path), why=why)) from None


def _of_file(source: FileSource, deadline: float) -> float:
    """Only its state or the number of its lines is read, so that it may belong to anybody: an agent's log mostly does.
    What is opened is a regular file, whoever exchanges it meanwhile: a pipe's writer would be woken."""
    found = os.stat(source.path)
    if source.what == "mtime":
        return found.st_mtime
    if not stat.S_ISREG(found.st_mode):
        raise Unobservable(Text("{path} is not a regular file", path=one_line(source.path)))
    if source.what == "size":
        return float(found.st_size)
    handle = foreign_file.open_any(source.path)
    try:
        return float(_lines(handle, source.path, deadline))
    finally:
        os.close(handle)


def _lines(handle: int, path: str, deadline: float) -> int:
    lines = count = 0
    while chunk := os.read(handle, _CHUNK):
        count += len(chunk)
        lines += chunk.count(b"\n")
        if count > _MOST_BYTES:
            text = Text('{path} is longer than {n:,} bytes; use what = "size"', path=one_line(path), n=_MOST_BYTES)
            raise Unobservable(text)
        if time.monotonic() > deadline:
            raise Unobservable(Text("{path} could not be read in time", path=one_line(path)))
    return lines


def _printed(command: tuple[str, ...], deadline: float) -> float:
    from heartbeat_cli.system import process

    program = one_line(command[0].rpartition("/")[2], 60)  # only the name: arguments may hold a password
    left = max(0.05, deadline - time.monotonic())
    try:
        done = process.run(command, timeout=left, env=process.minimal_env({}), max_output=_LONGEST_LINE * 4)
    except (OSError, ValueError) as error:
        why = system_words(str(getattr(error, "strerror", None) or type(error).__name__))
        raise Unobservable(Text("cannot run {command}: {why}", command=one_line(command[0], 200), why=why)) from None
    if done.timed_out:
        raise Unobservable(Text("{program} did not finish in time", program=program))
    line = done.stdout.partition("\n")[0][:_LONGEST_LINE]
    if done.code:
        errors = done.stderr.strip().splitlines()
        said = one_line(line) or one_line(errors[-1] if errors else "")
        raise Unobservable(
            Text("{program} ended with exit code {code}: {line}", program=program, code=done.code, line=said)
        )
    number = _NUMBER.search(line)
    if number is None:
        raise Unobservable(Text("{program} prints no number in its first line", program=program))
    return float(number[0])
