"""Append the message to a file as one line of JSON, for other programs and as a last resort.

The keys of a line: id, type, severity, title, text, component, at (epoch seconds), thread (the incident, or null),
threads (the incidents of a message about several).

    [channels.log]
    kind = "file"
    path = "/var/log/heartbeat-alerts.jsonl"
"""

import os
import stat

from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.plain import json_text
from heartbeat_cli.domain.record import Record
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.system import shared_folder, trusted

_TAIL = 262_144  # bytes at the end of the file that are searched for a message written before


class Settings(Record):
    """Keys of the channel.

    path: file to append to, absolute or below ~; made with mode 0600 where it is missing
    """

    path: str


def needs(settings: Settings) -> Needs:
    return Needs(writes=(os.path.dirname(os.path.expanduser(settings.path)),))


def problems(settings: Settings) -> list[tuple[str, str]]:
    if os.path.isabs(os.path.expanduser(settings.path)):
        return []
    return [("path", "expected an absolute path, or one below ~: cron starts elsewhere than a shell")]


def send(settings: Settings, message: Message, *, timeout: float) -> str | None:
    """Append in one write, so that two writers never mix; raises DeliveryError when the file cannot be written.

    A message whose line is there already (the process that wrote it died before it could say so) is not written again.
    """
    line = {key: value for key, value in message._asdict().items() if key not in ("html", "label", "page", "buttons")}
    data = f"{json_text(line)}\n".encode(errors="replace")
    try:
        handle = _opened(os.path.expanduser(settings.path))
        try:
            if not _stands(handle, message.id):
                _append(handle, data)
        finally:
            os.close(handle)
    except OSError as error:
        raise DeliveryError(f"{settings.path}: {error.strerror}", retryable=True) from error
    return None


def _opened(path: str) -> int:
    """The file, to append to. In a folder that others may write it is no pipe or second name of a file that another
    user has planted there. No link is followed, whoever owns it: it may be that of a container's root. Raises
    OSError."""
    # A pipe that nobody reads would block for ever.
    flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC
    if trusted.is_handed(path):
        return os.open(path, flags)
    with trusted.target(path) as (folder, name, shown):
        try:
            handle = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        except FileExistsError:
            handle = shared_folder.open_present(name, flags, folder, shown)
        found = os.fstat(handle)
        try:
            if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
                trusted.check_alone(os.path.dirname(shown))
        except BaseException:
            os.close(handle)
            raise
    return handle


def _stands(handle: int, id_: str) -> bool:
    """Whether the last lines of a regular file hold a message of this id; a file we may only write to does not say."""
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        return False
    try:
        with open(f"/dev/fd/{handle}", "rb") as file:  # the same file, whatever has its name by now
            file.seek(max(0, found.st_size - _TAIL))
            tail = file.read(_TAIL)
    except OSError:
        return False
    head = f'{{"id": {json_text(id_)},'.encode(errors="replace")
    return any(line.startswith(head) for line in tail.split(b"\n"))


def _append(handle: int, data: bytes) -> None:
    written = os.write(handle, data)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        return
    if written != len(data):
        end = os.lseek(handle, 0, os.SEEK_CUR)
        if os.fstat(handle).st_size == end:  # nobody wrote after us: leave no half a line behind
            os.ftruncate(handle, end - written)
        raise OSError(0, "written only in part: no space left")
    os.fsync(handle)
