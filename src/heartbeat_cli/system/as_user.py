"""Have heartbeat itself run as another user, and take what it says: reading a user's files as root would be trusting
him, and so would be to open what his configuration names, by libraries that load code and read variables.

So that is done in a process that is that user's for good before it is executed (real, effective and saved ids, groups),
with next to none of root's variables, no terminal, and nothing of root's memory. What it says is that user's word.
"""

import os
import pwd
from collections.abc import Sequence

from heartbeat_cli.domain.kinds.crontab import PATH
from heartbeat_cli.domain.plain import lines_of, one_line
from heartbeat_cli.domain.text import Text, stacked
from heartbeat_cli.errors import HeartbeatError, UsageError
from heartbeat_cli.system import cron, process

_SECONDS = 60.0
_MOST = 100_000  # bytes of what it says, on each stream
_LINE = 2_000  # characters of a line
_SHOWN = 20_000  # characters of all lines
_PREFIX = "heartbeat: "
_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "armv7l": 311, "i686": 288, "ppc64le": 271, "s390x": 280}
_JOIN_SESSION_KEYRING = 1  # keyctl(2)


def account(name: str) -> pwd.struct_passwd:
    """The user of that name. Raises UsageError where there is none."""
    try:
        return pwd.getpwnam(name)
    except (KeyError, ValueError):  # a NUL
        raise UsageError(Text("no user {name}", name=repr(name))) from None


def heartbeat(user: pwd.struct_passwd, words: Sequence[str]) -> tuple[str, list[str]]:
    """What this heartbeat prints on standard output as that user, and the lines that it remarks, each with his name
    before it. Raises HeartbeatError (UsageError for exit code 2) with what it says where it fails or cannot be run."""
    argv = [*cron.program(), *words]
    _leave_keyring()
    try:
        done = process.run(argv, timeout=_SECONDS, env=_environment(user), cwd="/", max_output=_MOST, account=user)
    except (OSError, ValueError) as error:
        raise _cannot(user, argv[0], getattr(error, "strerror", None) or str(error)) from None
    said = _lines(user, done.stderr)
    if done.code == 0:
        return done.stdout, said
    if done.timed_out:
        raise _cannot(user, argv[0], Text("it does not end within {seconds:g} s", seconds=_SECONDS))
    if done.code in (UsageError.exit_code, HeartbeatError.exit_code) and said:
        raise (UsageError if done.code == UsageError.exit_code else HeartbeatError)(stacked(said, _SHOWN))
    last = next((line for line in reversed(lines_of(done.stderr)) if line.strip()), f"exit {done.code}")
    raise _cannot(user, argv[0], one_line(last))


def _leave_keyring() -> None:
    """Take an empty session keyring in the place of root's: who inherits that may read its keys, whoever he is by then.
    Nothing where the kernel has none; the numbers are those of keyctl in the kernel's tables of system calls."""
    import ctypes

    if (number := _KEYCTL.get(os.uname().machine)) is not None:
        ctypes.CDLL(None).syscall(number, _JOIN_SESSION_KEYRING, None)


def _cannot(user: pwd.struct_passwd, program: str, why: str) -> HeartbeatError:
    return HeartbeatError(
        Text(
            "{user} cannot run {path} ({why}): install heartbeat where that user can run it",
            user=user.pw_name,
            path=program,
            why=why,
        )
    )


def _environment(user: pwd.struct_passwd) -> dict[str, str]:
    """What a service of that user has, but for the language of the output, and nothing for libpq: that would be root's
    choice of a server and of files."""
    carried = cron.job(None, state_dir=False, timezone=False, own_home=False).environment
    kept = {name: value for name, value in carried.items() if not name.startswith("PG")}
    own = {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}
    return {"PATH": PATH, "LC_ALL": "C.UTF-8", **kept, **own}


def _lines(user: pwd.struct_passwd, stderr: str) -> list[str]:
    """What it has remarked, as the word of that user."""
    lines = [one_line(line.removeprefix(_PREFIX), _LINE) for line in lines_of(stderr[:_SHOWN]) if line.strip()]
    return [Text("as user {user}: {line}", user=user.pw_name, line=line) for line in lines]
