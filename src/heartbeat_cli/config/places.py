"""Where a configuration keeps its local files: a folder of its own in the state folder, and in that one a store.

    <state_dir>/heartbeat.db                  the default SQLite store
    <state_dir>/compiled/                     compiled templates, shared: they depend on the template file alone
    <state_dir>/<configuration>/              run.lock, turn.lock, deliver.lock, mirror.lock, lock-held, pinged,
                                              dashboard.days, dashboard.trouble, status_page.trouble, spool.trouble,
                                              config,
                                              note-<component>.json of a component whose checks cost money,
                                              found.json, found.notes, fleets.json, and prepared
    <state_dir>/<configuration>/<store>/      mirror.json and spool.db of the store at that address

`<configuration>` is the file's name and a checksum of its path, `<store>` the dialect and a checksum of the store's
address. So two configurations of one user share nothing but the state folder, and a configuration that names another
store for a while leaves the files of the first one alone.
"""

import os
import re
from binascii import crc32
from functools import cache
from pathlib import Path

from heartbeat_cli.config.types import Config, default_state_dir
from heartbeat_cli.domain.plain import is_word
from heartbeat_cli.errors import HeartbeatError
from heartbeat_cli.redact import redact
from heartbeat_cli.system import trusted

BUILT_IN = "built-in configuration"  # the source of a configuration that no file holds
_SQLITE = "sqlite:///"


def config_folder(config: Config) -> Path:
    """The folder of a configuration. It depends on the path of its file; links to the file itself are not followed,
    because a ConfigMap and its like are links whose target changes with every update."""
    return _config_folder(config.state_dir, BUILT_IN if config.source == BUILT_IN else os.path.abspath(config.source))


def folder_of(source: str, state_dir: str | None) -> Path:
    """The folder of a configuration that is about to be read."""
    folder = Path(state_dir) if state_dir else default_state_dir()
    return _config_folder(folder, source if source == BUILT_IN else os.path.abspath(source))


def note_file(config: Config, component: str) -> Path:
    """The file of a component's checks for what a killed pass must not forget."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", component)[:64]
    end = "" if name == component else f"-{crc32(component.encode()):08x}"
    return config_folder(config) / f"note-{name}{end}.json"


@cache
def _config_folder(state_dir: Path, source: str) -> Path:
    return state_dir / ("built-in" if source == BUILT_IN else _folder_name(absolute(source)))


def config_path(config: Config) -> str:
    """The absolute path of the configuration file."""
    return absolute(config.source)


def absolute(source: str) -> str:
    """The absolute path of a configuration file, without links on the way to it: it goes by that on this host."""
    folder, name = os.path.split(os.path.abspath(source))
    return os.path.join(_realpath(folder), name)


def require_trusted(config: Config) -> None:
    """Raises HeartbeatError when another user owns or may write the state folder, a folder on the way to it, or one of
    those that this configuration has in it."""
    try:
        trusted.check(store_folder(config))
    except trusted.Untrusted as error:
        raise HeartbeatError(f"state folder {config.state_dir}: {error.strerror}") from None
    except OSError:  # it is not there yet, or cannot be used: who writes there says so
        return


def store_folder(config: Config) -> Path:
    """The folder of a configuration for the store that it names."""
    return config_folder(config) / _store_name(config.store)


def store_address(url: str) -> str:
    """The address of a store as messages show it: the path of a SQLite file, else the URL without its secrets."""
    if url.startswith(_SQLITE):
        return str(Path(url.removeprefix(_SQLITE)).expanduser())
    return redact(url)


# A pass asks several times.
_realpath = cache(os.path.realpath)


@cache
def _folder_name(path: str) -> str:
    stem = "".join(sign if is_word(sign, "") or sign in "_-" else "_" for sign in Path(path).stem[:24])
    return f"{stem}-{crc32(os.fsencode(path)):08x}"


@cache
def _store_name(url: str) -> str:
    dialect = "sqlite" if url.startswith(_SQLITE) else "postgresql"
    return f"{dialect}-{crc32(os.fsencode(store_address(url))):08x}"
