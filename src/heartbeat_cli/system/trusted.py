"""Paths that no other user can bend: what heartbeat reads, runs and keeps goes through here.

Every folder on the way and the file itself must belong to root or to this user, and nobody else may write them (a group
that this user is alone in counts as the user, unless an access control list names others). A folder of root's with the
sticky bit (`/tmp`) is fine: there nobody can exchange what belongs to others. A link is followed when it is root's or
ours, and so is every folder on the way to it and behind it, as with a Kubernetes ConfigMap. What is mounted read-only
cannot be written, whatever its mode says.

The walk goes from descriptor to descriptor, so that nothing can be exchanged between the check and the use.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from heartbeat_cli.domain.text import Text
from heartbeat_cli.system.seen import SEEN, open_seen

_TRIES = 10  # to open a file that others make and remove meanwhile
_MOST_LINKS = 40  # as the kernel has it
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# What our caller has opened and handed to us (`--config <(…)`).
_HANDED = r"/(?:dev|proc/self)/fd/\d+|/dev/std(?:in|out|err)"


class Untrusted(PermissionError):
    """`filename` is the part of the path that another user owns or may write; `strerror` says so in words, with the
    command that mends it."""

    def __init__(self, place: str, why: str, mend: str) -> None:
        super().__init__(errno.EPERM, f"{why}; {mend}", place)
        self.why, self.mend = why, mend


def open_file(path: str | os.PathLike[str], flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    """A descriptor of the regular file at `path`. Raises Untrusted, or another OSError: also for what is no regular
    file, which is never waited for."""
    if is_handed(path):
        return os.open(path, flags | os.O_CLOEXEC)
    with _last(path) as (folder, name, shown):
        for _ in range(_TRIES):
            try:
                return _open_present(name, flags & ~os.O_CREAT, folder, shown)
            except FileNotFoundError:
                if not flags & os.O_CREAT:
                    raise
            with suppress(FileExistsError):  # another process has just made it
                made = flags | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                return os.open(name, made, mode, dir_fd=folder)
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), shown)


def _open_present(name: str, flags: int, folder: int, shown: str) -> int:
    """It is opened once it is known to be a regular file that nobody else may write."""
    seen = os.open(name, SEEN, dir_fd=folder)
    try:
        found = os.fstat(seen)
        if stat.S_ISDIR(found.st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), shown)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, Text("is not a regular file"), shown)
        _judge(found, seen, shown)
        return open_seen(seen, flags, shown)
    finally:
        os.close(seen)


def is_handed(path: str | os.PathLike[str]) -> bool:
    """Whether the path is a descriptor that our caller has opened."""
    name = os.fspath(path)
    return name.startswith(("/dev/", "/proc/self/")) and re.fullmatch(_HANDED, name) is not None


def read(path: str | os.PathLike[str], most: int) -> bytes:
    """The content of the regular file at `path`; at most one byte more than `most`. Raises as `open_file` does."""
    with open(open_file(path), "rb") as file:
        return file.read(most + 1)


def check(path: str | os.PathLike[str]) -> None:
    """Raises Untrusted when another user can change what `path` leads to, another OSError when it leads nowhere."""
    with folder(path):
        pass


def why_not(path: str | os.PathLike[str]) -> str | None:
    """Why `path` must not be used, None when it may."""
    try:
        check(path)
    except OSError as error:
        return error.strerror or str(error)
    return None


@contextmanager
def folder(path: str | os.PathLike[str]) -> Iterator[int]:
    """A descriptor of the folder (or file) at `path`, good for reaching what is in it. Raises as `check` does."""
    with _last(path) as (parent, name, shown):
        handle = os.open(name, _FOLDER & ~os.O_DIRECTORY, dir_fd=parent)
        try:
            _judge(os.fstat(handle), handle, shown)
            yield handle
        finally:
            os.close(handle)


def left_by_root(place: str) -> Untrusted:
    """What to say of a file of root's, made by a run as root, that this user cannot use."""
    mend = Text("run sudo chown {user} {path}", user=for_shell(os.geteuid()), path=_quoted(place))
    return Untrusted(place, Text("{place} belongs to root, and this user cannot use it", place=place), mend)


def make_folder(path: str | os.PathLike[str], mode: int = 0o700) -> None:
    """Make the folder and those above it that are missing, each with `mode` whatever the umask. Raises Untrusted when
    another user could exchange what is made, another OSError when it cannot be made."""
    here, missing = os.path.abspath(path), list[str]()
    while not os.path.lexists(here):
        here, name = os.path.split(here)
        missing.append(name)
    if not missing:
        if not os.path.isdir(here):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), here)
        return
    with folder(here) as above:
        at = os.dup(above)
    try:
        for name in reversed(missing):
            with suppress(FileExistsError):  # another process has just made it
                os.mkdir(name, mode, dir_fd=at)
                os.chmod(name, mode, dir_fd=at)
            here = os.path.join(here, name)
            at = _instead(at, os.open(name, _FOLDER, dir_fd=at))
            _judge(os.fstat(at), at, here)
    finally:
        os.close(at)


def check_alone(path: str | os.PathLike[str]) -> None:
    """Raises Untrusted when another user can put files of his own into the folder at `path`, sticky or not."""
    with folder(path) as handle:
        _judge(os.fstat(handle), handle, os.path.abspath(path), Text("keep this in a folder of your own"), sticky=False)


def is_ours(found: os.stat_result) -> bool:
    """Whether a file or folder belongs to root or to this user."""
    return found.st_uid in (0, os.geteuid())


def target(path: str | os.PathLike[str], *, follow: bool = False) -> AbstractContextManager[tuple[int, str, str]]:
    """Where to write what others may read: the descriptor of the folder, the name in it, and its path in words. Folders
    of others are fine for that; their links are not followed. What has the name may be a link of ours or root's, unless
    `follow` is true: root of a container, too, makes links of root's. Raises Untrusted or another OSError."""
    return _last(path, strict=False, follow=follow)


@contextmanager
def _last(path: str | os.PathLike[str], *, strict: bool = True, follow: bool = True) -> Iterator[tuple[int, str, str]]:
    """The descriptor of the last folder on the way, the name in it, and how to call it in words. `strict`: the folders
    must be trusted, too, and not only the links. `follow`: a link that is the last part of the path is followed."""
    rest = _parts(os.path.join(os.getcwd(), os.fspath(path)))
    at, shown, links = _root(), "/", 0
    try:
        while True:
            name = rest.pop(0) if rest else "."
            here = os.path.normpath(os.path.join(shown, name))
            found = _lstat(name, at)
            if found is not None and stat.S_ISLNK(found.st_mode):
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), here)
                _judge_link(found, here)
                if not rest and not follow:
                    yield at, name, here
                    return
                target = os.readlink(name, dir_fd=at)
                rest[:0] = _parts(target)
                if target.startswith("/"):
                    at, shown = _instead(at, _root()), "/"
            elif not rest:
                yield at, name, here
                return
            else:
                at, shown = _instead(at, os.open(name, _FOLDER, dir_fd=at)), here
                if strict:
                    _judge(os.fstat(at), at, here)
    finally:
        os.close(at)


def _root() -> int:
    return os.open("/", _FOLDER)


def _instead(old: int, new: int) -> int:
    os.close(old)
    return new


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _lstat(name: str, at: int) -> os.stat_result | None:
    """What stands there; None for nothing: who opens it will say so."""
    try:
        return os.stat(name, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _judge_link(found: os.stat_result, place: str) -> None:
    if not is_ours(found):
        raise Untrusted(
            place,
            Text("{place} is a link that belongs to {user}", place=place, user=_user(found.st_uid)),
            Text("remove it: rm {path}", path=_quoted(place)),
        )


def _judge(found: os.stat_result, handle: int, place: str, mend: str = "", *, sticky: bool = True) -> None:
    """`sticky`: whether that protects a folder of root's."""
    if not is_ours(found):
        us = Text("root") if os.geteuid() == 0 else Text("root or you")
        why = Text("{place} belongs to {user}, and must belong to {us}", place=place, user=_user(found.st_uid), us=us)
        raise Untrusted(place, why, _mend_owner(found, place))
    safe = not found.st_mode & 0o022 or (sticky and found.st_mode & stat.S_ISVTX and found.st_uid == 0)
    if safe or os.fstatvfs(handle).f_flag & os.ST_RDONLY:
        return
    from heartbeat_cli.system.acl import has_acl, is_private

    if found.st_mode & 0o002:
        who = Text("everybody")
    elif has_acl(handle):
        who = Text("others, whom its access control list names")
        mend = Text("run setfacl -b {path}", path=_quoted(place))
    elif is_private(found.st_gid):
        return
    else:
        who = Text("the group {group}", group=_group(found.st_gid))
    raise Untrusted(
        place,
        Text("{place} can be written by {who}", place=place, who=who),
        mend or Text("run chmod go-w {path}", path=_quoted(place)),
    )


def _mend_owner(found: os.stat_result, place: str) -> str:
    """What to do: root should not work on another user's files, but have that user do it."""
    if os.geteuid() == 0:
        return Text(
            "run sudo -u {user} heartbeat …, or chown root {path}",
            user=for_shell(found.st_uid, "#"),
            path=_quoted(place),
        )
    return Text("run sudo chown {user} {path}", user=for_shell(os.geteuid()), path=_quoted(place))


def for_shell(uid: int, before: str = "") -> str:
    """A user as commands take him: his name, or else his number."""
    return _quoted(_user(uid).replace("uid ", before))


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _group(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _quoted(word: str) -> str:
    """For a command that somebody will paste into a shell."""
    from shlex import quote

    return quote(word)
