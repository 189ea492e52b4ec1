"""Do something as another user and become root again: reading a user's files as root would be trusting him."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager

import heartbeat_cli
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import HeartbeatError, UsageError

_OF_ANOTHER = ("XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")


def account(name: str) -> pwd.struct_passwd:
    """The user of that name. Raises UsageError where there is none."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise UsageError(Text("no user {name}", name=repr(name))) from None


def _require_readable(name: str) -> None:
    """Raises HeartbeatError when this user cannot read Python or heartbeat, as where root installed them for itself."""
    for path in (os.__file__, heartbeat_cli.__file__):
        if not os.access(path, os.R_OK):
            raise HeartbeatError(
                Text("{user} may not read {path}: install heartbeat where that user can run it", user=name, path=path)
            )


@contextmanager
def acting_as(user: pwd.struct_passwd) -> Iterator[None]:
    """Be that user, for whom only root may ask, with his groups and home folder. A program that is started meanwhile
    cannot become root again, and the user cannot trace this process: both take the saved id, which is not his."""
    environment, groups = dict(os.environ), os.getgroups()
    os.initgroups(user.pw_name, user.pw_gid)
    os.setresgid(user.pw_gid, user.pw_gid, 0)
    os.setresuid(user.pw_uid, user.pw_uid, 0)
    try:
        for name in _OF_ANOTHER:
            os.environ.pop(name, None)
        os.environ |= {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}
        _require_readable(user.pw_name)
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ |= environment
