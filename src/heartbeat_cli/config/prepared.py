"""The tables of a configuration as they were parsed last: a run whose files have not changed parses no TOML.

They are a file of the configuration's folder that `run` writes, mode 0600:

    one line of JSON    version of heartbeat, CRC-32 of what follows; path and size in bytes of each file
    the files           byte for byte, one behind the other
    JSON                a list of their tables

It is used only where no other user could have changed it, and for a file only while that holds the same bytes. It
repeats what the files say and no more: `env:` and `file:` are references in it, and are followed in every run.
"""

import json
import os
from binascii import crc32
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from heartbeat_cli import __version__
from heartbeat_cli.config import places
from heartbeat_cli.config.types import Config
from heartbeat_cli.errors import HeartbeatError
from heartbeat_cli.system import trusted

FILE = "prepared"
_MOST = 16_000_000  # bytes
_LONGEST = 4_096  # characters of a path

Tables = Mapping[str, Any]


def tables_of(path: Path, data: bytes) -> Callable[[str, bytes], Tables | None]:
    """What gives the tables of a file from its path and its bytes, None where they are not known; for the configuration
    at `path`, which holds `data`, and the files that it includes."""
    known: dict[str, tuple[bytes, Tables]] = {}
    with suppress(OSError, ValueError, TypeError, RecursionError, HeartbeatError):
        known = _read(_place(path, data))

    def found(path: str, data: bytes) -> Tables | None:
        before, tables = known.get(os.path.abspath(path), (None, None))
        return tables if before == data else None

    return found


def keep(config: Config) -> None:
    """Write the tables of a configuration of which a file was parsed. Without a word where that cannot be done, or
    where `tables_of` would look for them in another place: they are parsed again. Nothing stays of what the files no
    longer say. Nothing is written of a configuration that came through a pipe, or of one with a file on another device
    than the state folder: that may be in memory only, or encrypted."""
    if any(trusted.is_handed(one.path) for one in config.files):
        return
    with suppress(OSError, HeartbeatError):
        place = places.config_folder(config) / FILE
        # Where all were prepared, the file has just been read: it is no pipe, and ours.
        if all(one.prepared for one in config.files) and _paths(place) == _named(config) and _are_beside(config, place):
            return
        from heartbeat_cli.system import files

        trusted.check(place.parent)
        forget_others(config)
        try:
            text = _text(config) if _may_be_kept(config, place) else None
        except (ValueError, TypeError, RecursionError):
            text = None
        if text is None:
            place.unlink()
        else:
            files.write_own(place, text)


def forget_others(config: Config) -> None:
    """Remove what was prepared of other configurations in the same state folder whose files no longer say it, or are
    gone: no run of theirs may come that would."""
    own = places.config_folder(config).name
    with suppress(OSError), os.scandir(config.state_dir) as entries:
        for entry in entries:
            place = Path(entry.path) / FILE
            if entry.name != own and entry.is_dir(follow_symlinks=False) and os.path.lexists(place):
                with suppress(OSError):
                    if not _is_still_said(place):
                        place.unlink()


def _is_still_said(place: Path) -> bool:
    with suppress(OSError, ValueError, TypeError, RecursionError):
        known = _read(place)
        return bool(known) and all(trusted.read(path, len(data)) == data for path, (data, _) in known.items())
    return False


def _may_be_kept(config: Config, place: Path) -> bool:
    """Whether `tables_of` will find it there, and it may be there."""
    return place == _place(Path(config.source), config.files[0].data) and _are_beside(config, place)


def _are_beside(config: Config, place: Path) -> bool:
    """Whether all files are on the device of the state folder: what may be read there may be written there."""
    here = os.stat(place.parent).st_dev
    return all(os.stat(one.path).st_dev == here for one in config.files)


def _named(config: Config) -> list[str]:
    return [os.path.abspath(one.path) for one in config.files]


def _paths(place: Path) -> list[str]:
    """The paths of the files in it by its first line, none where it has none."""
    with suppress(OSError, ValueError, TypeError, LookupError, RecursionError), place.open("rb") as kept:
        return [path for path, _ in json.loads(kept.readline(_MOST))[2]]
    return []


def _text(config: Config) -> str:
    """Raises TypeError for tables that JSON does not have, as those with a date, and ValueError for too many bytes."""
    tables = json.dumps([one.tables for one in config.files], ensure_ascii=False, separators=(",", ":"))
    rest = b"".join(one.data for one in config.files) + tables.encode()
    if len(rest) > _MOST // 2:
        raise ValueError("too large")
    head = [
        __version__,
        crc32(rest),
        [[path, len(one.data)] for path, one in zip(_named(config), config.files, strict=True)],
    ]
    return f"{json.dumps(head)}\n{rest.decode()}"


def _read(place: Path) -> dict[str, tuple[bytes, Tables]]:
    """Raises OSError, ValueError or TypeError where there is nothing that can be used."""
    data = trusted.read(place, _MOST)
    end = data.index(b"\n") + 1
    version, checksum, kept = json.loads(data[:end])
    if len(data) > _MOST or version != __version__ or crc32(data[end:]) != checksum:
        return {}
    texts = []
    for path, size in kept:
        texts.append((path, data[end : end + size]))
        end += size
    return {path: (text, tables) for (path, text), tables in zip(texts, json.loads(data[end:]), strict=True)}


def _place(path: Path, data: bytes) -> Path:
    named = _state_dir(data.decode())
    folder = str(path.absolute().parent / os.path.expanduser(named)) if named else None
    return places.folder_of(str(path), folder) / FILE


def _state_dir(text: str) -> str:
    """What is written behind the first `state_dir`, nothing where that is no plain text. Where the key stands is not
    known before the file is parsed, so it may be another one: `keep` compares."""
    behind = text.partition("state_dir")[2][:_LONGEST].lstrip().removeprefix("=").lstrip()
    quote, value = behind[:1], behind[1:].partition(behind[:1])[0] if behind[:1] in ("'", '"') else ""
    return value if value.isprintable() and not (quote == '"' and "\\" in value) else ""
