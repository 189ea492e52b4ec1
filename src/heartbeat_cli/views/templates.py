"""Where pages come from: the folder `templates/`, file by file replaceable by a folder of the user's own.

    render("dashboard.html.j2", {...}, own)    a finished page; `own` is what `[heartbeat] templates` names
    render(..., keep=state_dir / "compiled")   the same without compiling the template anew each time
    first(["alert.down.en.j2", …], {…}, own)   the same with the first of several that is there
    source("dashboard.css", own)               a file as it is

In a checkout the folder stands beside `src/`, in an installed wheel inside the package. Whatever a template shows is
escaped (`autoescape` is always on); a name it uses and is not given is an error, not an empty spot.
"""

import os
import re
import stat
from binascii import crc32
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from heartbeat_cli.errors import HeartbeatError
from heartbeat_cli.system import trusted
from heartbeat_cli.views.compiled.parts import MODULES

_PLACES = (Path(__file__).parents[1] / "templates", Path(__file__).parents[3] / "templates")
_OF_A_LANGUAGE = re.compile(r"(?<=^alert)\.[a-z]{2,3}(-\w+)*(?=\.j2$)")
_prepared: dict[str | None, Any] = {}  # by the user's folder: what has been compiled in this process


class Inline:
    """Our own style or script: goes into the page as it is, and into its policy by its hash."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __html__(self) -> str:
        return self._text

    @property
    def hash(self) -> str:
        import base64
        import hashlib

        return "sha256-" + base64.b64encode(hashlib.sha256(self._text.encode()).digest()).decode()


def render(name: str, values: Mapping[str, Any], own: str | None = None, keep: Path | None = None) -> str:
    """The template `name` filled with `values`; `keep` is a folder for its compiled form, of use to who renders every
    minute in a process of its own. Raises HeartbeatError naming the file when it cannot be rendered."""
    import jinja2

    try:
        environment = _environment(own, keep) if keep else _prepared.get(own) or _environment(own, None)
        return str(environment.get_template(name).render(values))
    except jinja2.TemplateSyntaxError as error:
        raise HeartbeatError(f"template {error.filename or name}, line {error.lineno}: {error.message}") from error
    except jinja2.TemplateNotFound as error:
        raise HeartbeatError(f"template {error.name} is missing in {_shown(own)}") from error
    except Exception as error:  # a template of the user's own can fail in every way that a program can
        path = find(name, own)
        raise HeartbeatError(f"template {path}, line {_line(error, path)}: {type(error).__name__}: {error}") from error


def prepare(names: Sequence[str], own: str | None = None) -> None:
    """Compile the first of the templates that is there, and the last, which the others may build upon; what is wrong
    with them is said when they are rendered."""
    with suppress(Exception):
        if _in_python(names, own):
            return
        environment = _environment(own, None)
        for name in {found(names, own).name, names[-1]}:
            environment.get_template(name)
        _prepared[own] = environment


def _environment(own: str | None, keep: Path | None) -> Any:
    import jinja2

    made: Any = jinja2.Environment
    if own:  # a user's template may show every value it is given, and reach nothing else
        from jinja2.sandbox import SandboxedEnvironment

        made = SandboxedEnvironment
    return made(
        loader=jinja2.FunctionLoader(lambda name: _loaded(name, own)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_kept(keep),
    )


def _loaded(name: str, own: str | None) -> tuple[str, str, Callable[[], bool]] | None:
    """A template's text, file and freshness, as jinja2 asks for it; None where there is none."""
    from jinja2.loaders import split_template_path

    name = "/".join(split_template_path(name))
    for each in (name, _OF_A_LANGUAGE.sub("", name)):  # what is made for all languages stands for one of a language
        for path in _paths(each, own):
            return _text(path), str(path), lambda: True
    return None


def _kept(folder: Path | None) -> Any:
    """Compiled templates in `folder`, or None where they cannot be kept. What is read back there is run, so nobody else
    may be able to write it."""
    import jinja2

    class Kept(jinja2.FileSystemBytecodeCache):
        def dump_bytecode(self, bucket: Any) -> None:
            with suppress(OSError):  # a full disk: then it is compiled each time
                super().dump_bytecode(bucket)

    try:
        if folder is None:
            return None
        trusted.check(folder.parent)
        folder.mkdir(0o700, exist_ok=True)
        found = os.lstat(folder)
    except OSError:
        return None
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    return Kept(str(folder)) if ours else None


def first(names: Sequence[str], values: Mapping[str, Any], own: str | None = None) -> str:
    """The first of the templates that is there, filled; the last one of a language and the last are what it may build
    upon. Raises HeartbeatError as `render` does."""
    if fill := _in_python(names, own):
        with suppress(Exception):  # Jinja says what failed, and where
            return fill(values)
    return render(found(names, own).name, values, own)


def _in_python(names: Sequence[str], own: str | None) -> Callable[[Mapping[str, Any]], str] | None:
    """What fills the first of these templates without Jinja. None where that, or what it builds upon, is not ours or
    has been changed since it was written as Python."""
    path, base = found(names, own), found(names[-2:], own)
    if path.name not in MODULES:
        return None
    module: Any = import_module(f"heartbeat_cli.views.compiled.{MODULES[path.name]}")
    for name, checksum in module.SOURCES.items():
        file = path if name == path.name else base
        if file != _folders(None)[0] / name or crc32(file.read_bytes()) != checksum:
            return None
    return module.render  # type: ignore[no-any-return]


def found(names: Sequence[str], own: str | None = None) -> Path:
    """The file of the first of these names that has one."""
    for name in names:
        for path in _paths(name, own):
            return path
    raise HeartbeatError(f"template {names[-1]} is missing in {_shown(own)}")


def source(name: str, own: str | None = None) -> str:
    """The text of the file `name`. Raises HeartbeatError when it cannot be read."""
    return _text(find(name, own))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise HeartbeatError(f"template {path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise HeartbeatError(f"template {path}: is not UTF-8 text (byte {error.start})") from error


def _paths(name: str, own: str | None) -> Iterator[Path]:
    """Where a template of this name is, the user's own first. One of his that another user could have written is passed
    over (`heartbeat doctor` says so): the message goes out all the same."""
    for folder in _folders(own):
        path = folder / name
        with suppress(OSError):
            if path.is_file():
                if own and folder == Path(own).expanduser():
                    trusted.check(path)
                yield path


def find(name: str, own: str | None = None) -> Path:
    """The file that `name` stands for: the user's own where there is one."""
    return found([name], own)


def _folders(own: str | None) -> list[Path]:
    packaged = next((place for place in _PLACES if place.is_dir()), _PLACES[0])
    return [Path(own).expanduser(), packaged] if own else [packaged]


def _shown(own: str | None) -> str:
    return " and ".join(str(folder) for folder in _folders(own))


def _line(error: Exception, path: Path) -> str:
    """The line of the template that failed: jinja2 puts it into the traceback."""
    found, trace = "?", error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            found = str(trace.tb_lineno)
        trace = trace.tb_next
    return found
