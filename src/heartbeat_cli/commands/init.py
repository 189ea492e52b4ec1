"""`heartbeat init`: a configuration to start from."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heartbeat_cli.commands._app import print_remark
from heartbeat_cli.domain.record import Record
from heartbeat_cli.errors import HeartbeatError, UsageError

if TYPE_CHECKING:
    from heartbeat_cli.config.types import Config

_EXAMPLE = "heartbeat.example.toml"
_SCHEMA = "heartbeat.schema.json"
_NEXT = {
    "doctor": "is everything reachable?",
    "check --all": "a first look",
    "crontab --install": "have cron start it",
}


class _Draft(Record):
    """A configuration's text, and what to say about it."""

    text: str
    remarks: tuple[str, ...]


@click.command("init")
@click.option("--discover", is_flag=True, help="Write what runs on this host instead of the commented example.")
@click.option("--all-ports", is_flag=True, help="With --discover: ask ephemeral ports, too.")
@click.option("--deep", is_flag=True, help="With --discover: ask Redis for the queues of Celery and RQ.")
@click.option(
    "-o", "target", metavar="FILE", default="heartbeat.toml", show_default=True, help="Where to write; - prints it."
)
@click.option("--force", is_flag=True, help="Overwrite the file when it is there.")
def command(discover: bool, all_ports: bool, deep: bool, target: str, force: bool) -> None:
    """Write a configuration to start from.

    With --discover it holds what runs on this host: Docker containers, PostgreSQL, systemd services, HTTP health
    addresses (OpenClaw, MCP servers and model APIs among them) and the host itself; its recovery is set to `ask`, so
    that nothing is restarted without your consent, except that of an OpenClaw gateway, which says what a restart mends.
    Without, it is a commented example of every key and kind. The file is readable only to you (mode 0600).

    \b
    Example:
      heartbeat init --discover -o ~/.config/heartbeat/heartbeat.toml
    """
    if (all_ports or deep) and not discover:
        raise UsageError(f"--{'deep' if deep else 'all-ports'} works only with --discover")
    path = Path(target).expanduser()
    if target != "-" and os.path.lexists(path) and not force:
        raise UsageError(_exists_text(target))
    draft = _discovered(all_ports, deep) if discover else _Draft(_example(), ())
    draft = draft._replace(text=_for_editors(draft.text))
    loaded = _must_load(draft.text)
    for remark in draft.remarks:
        print_remark(remark)
    unheard = _why_unnotified([one.kind for one in loaded.channels.values()])
    if target == "-":
        click.echo(draft.text, nl=False)
        _warn(unheard)
        return
    _write(path, draft.text, force)
    name = "" if target == "heartbeat.toml" else f" --config {target}"
    print_remark(f"written: {target}. Read it through, then:")
    for verb, why in _NEXT.items():
        print_remark(f"  heartbeat{name} {verb:<18} {why}")
    _warn(unheard)


def _exists_text(target: str) -> str:
    return f"{target}: is already there; --force overwrites it, -o FILE writes elsewhere"


def _discovered(all_ports: bool, deep: bool) -> _Draft:
    from heartbeat_cli.config import sections
    from heartbeat_cli.discovery import discover as discovery
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.views import discovered

    found = discovery.discover(ephemeral=all_ports, deep=deep)
    remarks = [f"found {one.table['kind']:<9} {one.id}: {one_line(one.remark, 160)}" for one in found.things]
    remarks += [f"not looked at: {note}" for note in found.notes]
    return _Draft(discovered.text(found.things, sections.host_timezone(), _why_unnotified(["console"])), tuple(remarks))


def _example() -> str:
    """The commented example."""
    path = _shipped(_EXAMPLE, "")
    if path is None:
        raise HeartbeatError(f"{_EXAMPLE} is missing from this installation; install heartbeat-cli anew")
    return path.read_text(encoding="utf-8")


def _for_editors(text: str) -> str:
    """The text below a line that tells editors where its JSON Schema is (Taplo, Even Better TOML:
    https://taplo.tamasfe.dev/configuration/directives.html). It must stand above all other lines."""
    path = _shipped(_SCHEMA, "docs/reference")
    return text if path is None else f"#:schema {path.as_uri()}\n{text}"


def _shipped(name: str, folder: str) -> Path | None:
    """A file of the project: in the package's templates when installed, in that folder of the source tree else."""
    package = Path(__file__).resolve().parents[1]
    return next(
        (path for path in (package / "templates" / name, package.parents[1] / folder / name) if path.is_file()), None
    )


def _warn(unheard: str) -> None:
    """Say why no alert would reach a person, and what to do."""
    from heartbeat_cli.domain.kinds.schedulers import ADD_CHANNEL, ADD_MTA

    if unheard:
        print_remark(f"BAD: {unheard}: no alert reaches a person. Before you rely on it, {ADD_CHANNEL}, or {ADD_MTA}.")


def _why_unnotified(kinds: list[str]) -> str:
    """Why no alert would reach a person by channels of these kinds, "" when one may: what is printed under cron is
    mailed, where something can mail it."""
    from heartbeat_cli.domain.kinds.schedulers import unheard
    from heartbeat_cli.system import cron, schedulers

    try:
        crontab = cron.read()
    except HeartbeatError:
        crontab = b""
    return unheard(kinds, schedulers.mailer(crontab))


def _must_load(text: str) -> "Config":
    """The configuration of a text: a file that heartbeat itself refuses must never be written."""
    import tomllib

    from heartbeat_cli.config import load

    return load.load(tomllib.loads(text), "the new configuration")


def _write(path: Path, text: str, force: bool) -> None:
    """Write the whole file or nothing, and without --force never over a file that appeared meanwhile."""
    from heartbeat_cli.system import trusted
    from heartbeat_cli.system.files import write_named, write_new

    try:
        if not path.parent.exists():
            trusted.make_folder(path.parent)
        if force:
            write_named(path, text, 0o600, follow=True)
        else:
            write_new(path, text, 0o600)
    except FileExistsError as error:
        raise UsageError(_exists_text(str(path))) from error
    except OSError as error:
        raise HeartbeatError(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}") from error
