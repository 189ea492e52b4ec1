"""Where each effective setting was written: file and line, for `heartbeat config show`."""

from collections.abc import Iterator, Mapping
from typing import Any

from heartbeat_cli.config import lines
from heartbeat_cli.config.origins import Origins
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record

Path = tuple[str | int, ...]  # keys and, in lists, places in the list
_MAX_COMMENT = 300  # characters


class Written(Record):
    """Where a setting was written: its `place` (`hb.toml:8`), and `where` it stands there if that is not its own table
    (`defaults.agent`, the block that made the component, `recovery`), else ""."""

    place: str
    where: str


def written(config: Config, tree: Mapping[str, Any]) -> dict[Path, Written]:
    """Every setting of the tree that was written in a file; what is missing is the program's default."""
    origins = Origins(config.files, config.blocks)
    found = {}
    for path in _leaves(tree):
        if config.files and (source := _source(path, config.tables)) is not None:
            key = dotted(source)
            origin = origins.of(key)
            own = origin.key == key and path[: len(source)] == source
            where = "" if own else _table(origin.key, source)
            found[path] = Written(origin.place, where)
    return found


def dotted(path: Path) -> str:
    """A path as problems name it: `components.web.recovery.ladder[0].unit`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)[1:]


def commented(text: str, found: Mapping[Path, Written]) -> str:
    """A text in TOML with a comment at the end of each line whose setting was written in a file."""
    rows, known = text.split("\n"), {tuple(map(str, path)): one for path, one in found.items()}
    comments: dict[int, str] = {}
    for path, line in lines.of(text).items():
        if (one := known.get(path)) is not None and not rows[line - 1].lstrip().startswith("{"):  # of a list above
            comments.setdefault(line, one_line(", ".join(filter(None, one)), _MAX_COMMENT))
    for line, comment in comments.items():
        rows[line - 1] += f"  # {comment}"
    return "\n".join(rows)


def _leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """The path of each value that is no table; a list of tables is gone into."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _leaves(one, (*path, key))
        return
    yield path
    if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        for number, one in enumerate(value):
            yield from _leaves(one, (*path, number))


def _source(path: Path, tables: Any) -> Path | None:
    """The path in the tables that says what stands there; None where none does."""
    if _is_there(path, tables):
        return path
    if path[0] != "components" or path[2:] != ("recovery", "mode"):
        return None
    own = path[:3]  # recovery = "on"
    if _is_there(own, tables):
        return None if isinstance(tables["components"][path[1]]["recovery"], Mapping) else own
    return ("recovery", "mode") if _is_there(("recovery", "mode"), tables) else None


def _is_there(path: Path, tables: Any) -> bool:
    for part in path:
        keys = range(len(tables)) if isinstance(tables, list) else tables if isinstance(tables, Mapping) else ()
        if part not in keys:
            return False
        tables = tables[part]
    return True


def _table(key: str, source: Path) -> str:
    """The table in which a key is written: the key without what is below a component, a section or `[defaults]`."""
    below = source[2:] if source[0] == "components" else source[1:]
    return key.removesuffix("." + ".".join(map(str, below)))
