"""Run one program under a deadline: argument list, own process group, bounded output, nothing left behind.

Used by monitors and actions alike. What a program started in the background dies with it, unless the caller
says `leave_children` (a restart script may start the very agent it restarts). A child that made a session of
its own (`setsid`, a daemon) is out of reach, as it is for any caller but a service manager.
"""

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from heartbeat_cli.domain.plain import whole
from heartbeat_cli.domain.record import Record
from heartbeat_cli.system import proc_status

if TYPE_CHECKING:
    import pwd
    import selectors
    import subprocess

_DRAIN_SECONDS = 0.2  # a background grandchild may hold the pipe open after the program itself has ended
_GRACE_SECONDS = 0.3  # between SIGTERM and SIGKILL, taken from the program's own time
_REAP_SECONDS = 1.0  # a program stuck in the kernel, or one of another user, may not end even then
_POLL_SECONDS = 0.05  # only where the kernel has no pidfd
_PIPE = 60_000  # bytes that a pipe takes without a reader
_THROTTLE_SECONDS = 0.005  # a program that prints for ever blocks on its pipe instead of costing a CPU

RUN_MARK = "HEARTBEAT_PID"  # in the environment of what a run starts: see offspring.py
_KEPT = ("HOME", "USER", "LOGNAME", "SHELL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Finished(Record):
    """`code` is the exit code, negative for a signal, None when the deadline ended it. Output is bounded. `left` is the
    number of a process that did not even end when it was killed: it waits in the kernel, or is another user's."""

    code: int | None
    stdout: str
    stderr: str
    left: int | None = None

    @property
    def timed_out(self) -> bool:
        return self.code is None


def minimal_env(extra: Mapping[str, str]) -> dict[str, str]:
    """For programs of others: none of heartbeat's own secrets, a full PATH, untranslated output."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    path = os.environ.get("PATH", "")
    missing = [folder for folder in _PATH.split(":") if folder not in path.split(":")]
    kept |= {"PATH": ":".join([path, *missing] if path else missing), "LC_ALL": "C.UTF-8", RUN_MARK: str(os.getpid())}
    return kept | dict(extra)


def users(place: str) -> list[int]:
    """The users of the process whose folder in /proc this is: real, effective, saved and of its file accesses. Empty
    where that cannot be read. Whom the files there belong to says nothing: a process can change it."""
    try:
        found = [whole(word) for word in proc_status.words(place, "Uid")]
    except OSError:
        return []
    return [one for one in found if one is not None]


def owner(place: str) -> int | None:
    """The user of the process whose folder in /proc this is; None where that cannot be read, or where it has several (a
    setuid program). Ask before you read its environment or command line: both are its memory, and another user can have
    a read of that wait for ever."""
    found = set(users(place))
    return found.pop() if len(found) == 1 else None


def is_gone(pid: int) -> bool:
    """Whether there is no process of this number any more. Another one may have taken it: then it is not gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    max_output: int = 65_536,
    keep_tail: bool = False,
    leave_children: bool = False,
    given: bytes = b"",
    reap_seconds: float = _REAP_SECONDS,
    account: "pwd.struct_passwd | None" = None,
) -> Finished:
    """Start `argv` (never a shell) in its own process group; shortly before the deadline the whole group
    gets SIGTERM, at the deadline SIGKILL. `keep_tail` keeps the last `max_output` bytes of each pipe, after a "…".
    `given` is its standard input; what is more than a pipe holds stands in a file without a name meanwhile. The end of
    one that was killed is waited for `reap_seconds` beyond the deadline, and comes at once where it can be killed.
    `account`: the user it runs as, for root to say; it has that user's groups and cannot become root again.

    Raises OSError when the program cannot be started (missing, not executable), ValueError for a NUL in it.
    """
    deadline = time.monotonic() + timeout
    child = _started(argv, given, env, cwd, account)
    ended = False
    try:
        collector = _Collector(child, max_output, keep_tail)
        ended = collector.collect(deadline - min(_GRACE_SECONDS, timeout * 0.1))
        if not ended:
            signal_group(child, signal.SIGTERM)
            collector.collect(deadline)
    finally:
        if not (ended and leave_children):
            signal_group(child, signal.SIGKILL)
        reap(child, reap_seconds)
    left = child.pid if child.returncode is None else None
    return Finished(child.returncode if ended else None, collector.stdout(), collector.stderr(), left)


def _started(
    argv: Sequence[str],
    given: bytes,
    env: Mapping[str, str] | None,
    cwd: str | None,
    account: "pwd.struct_passwd | None",
) -> "subprocess.Popen[bytes]":
    import subprocess  # not on the path of a tick that runs nothing

    groups = None if account is None else os.getgrouplist(account.pw_name, account.pw_gid)
    with _input(given) as stdin:
        return subprocess.Popen(
            list(argv),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            start_new_session=True,
            # Real, effective and saved ids, before the program is executed; -1 keeps the umask.
            user=None if account is None else account.pw_uid,
            group=None if account is None else account.pw_gid,
            extra_groups=groups,
            umask=-1 if account is None else 0o077,
        )


@contextmanager
def _input(given: bytes) -> Iterator[int]:
    """A descriptor to read `given` from."""
    import subprocess

    if not given:
        yield subprocess.DEVNULL
        return
    if len(given) > _PIPE:
        with _unnamed(given) as file:
            yield file
        return
    reader, writer = os.pipe()
    try:
        with open(writer, "wb", buffering=0) as pipe:
            os.set_blocking(writer, False)
            pipe.write(given)
        yield reader
    finally:
        os.close(reader)


@contextmanager
def _unnamed(given: bytes) -> Iterator[int]:
    """A descriptor of a file without a name that holds `given`: in memory where the system has that."""
    from tempfile import TemporaryFile

    with open(os.memfd_create("given"), "r+b") if hasattr(os, "memfd_create") else TemporaryFile() as file:
        file.write(given)
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        yield file.fileno()


class _Collector:
    """Reads both pipes of a child until it has ended; bounded, and asleep while nothing happens."""

    def __init__(self, child: "subprocess.Popen[bytes]", limit: int, keep_tail: bool) -> None:
        self._child, self._limit, self._keep_tail = child, limit, keep_tail
        self._pipes = [pipe for pipe in (child.stdout, child.stderr) if pipe is not None]
        self._kept = {pipe.fileno(): bytearray() for pipe in self._pipes}
        self._cut: set[int] = set()  # pipes whose beginning was dropped
        self._open = list(self._pipes)
        for pipe in self._pipes:
            os.set_blocking(pipe.fileno(), False)

    def stdout(self) -> str:
        return self._text(0)

    def stderr(self) -> str:
        return self._text(1)

    def _text(self, index: int) -> str:
        number, kept = list(self._kept.items())[index]
        return "…" * (number in self._cut) + bytes(kept).decode("utf-8", "replace")

    def collect(self, deadline: float) -> bool:
        """Whether the child ended before `deadline`; then its pipes have been drained as well."""
        import selectors  # not on the path of a tick that runs nothing

        pidfd = _pidfd(self._child.pid)
        ended = False
        try:
            with selectors.DefaultSelector() as selector:
                for pipe in self._open:
                    selector.register(pipe, selectors.EVENT_READ)
                if pidfd is not None:
                    selector.register(pidfd, selectors.EVENT_READ)
                while (left := deadline - time.monotonic()) > 0 and not (ended and not self._open):
                    self._turn(selector, left if pidfd is not None or ended else min(left, _POLL_SECONDS))
                    if not ended and _has_ended(self._child):
                        ended = True
                        deadline = min(deadline, time.monotonic() + _DRAIN_SECONDS)
                        if pidfd is not None:
                            selector.unregister(pidfd)
        finally:
            if pidfd is not None:
                os.close(pidfd)
        return ended

    def _turn(self, selector: "selectors.BaseSelector", wait: float) -> None:
        over = False
        for key, _ in selector.select(wait):
            for pipe in [pipe for pipe in self._open if pipe is key.fileobj]:
                chunk = os.read(pipe.fileno(), 65_536)
                if not chunk:
                    selector.unregister(pipe)
                    self._open.remove(pipe)
                over = self._keep(pipe, chunk) or over
        if over:
            time.sleep(_THROTTLE_SECONDS)

    def _keep(self, pipe: IO[bytes], chunk: bytes) -> bool:
        """Keep what is wanted of `chunk`; whether the program has printed more than that."""
        kept = self._kept[pipe.fileno()]
        over = bool(chunk) and len(kept) + len(chunk) > self._limit
        if self._keep_tail:
            kept.extend(chunk)
            if over:
                self._cut.add(pipe.fileno())
            del kept[: max(0, len(kept) - self._limit)]
        else:
            kept.extend(chunk[: max(0, self._limit - len(kept))])
        return over


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _has_ended(child: "subprocess.Popen[bytes]") -> bool:
    """Without reaping it: as long as it is a zombie, nobody else can be given its group's number."""
    try:
        return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except (AttributeError, ChildProcessError):
        return child.poll() is not None


def signal_group(child: "subprocess.Popen[bytes]", number: int) -> None:
    """The group outlives its leader when the program left children behind: signal it either way."""
    try:
        os.killpg(child.pid, number)
    except (ProcessLookupError, PermissionError):
        return


def reap(child: "subprocess.Popen[bytes]", seconds: float = _REAP_SECONDS) -> None:
    """Close the pipes it was read from, and wait some seconds for the end of a child that was killed."""
    import subprocess

    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return
