"""What every verb starts from: the configuration and the store, opened when first asked for."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import click

from heartbeat_cli.errors import UsageError

FORMATS = ("table", "json")

pass_app: Callable[[Any], Any]


class App:
    """The configuration named on the command line (or found), and the store it names."""

    def __init__(self, path: str | None) -> None:
        self._path = path

    @cached_property
    def config(self) -> Any:
        from heartbeat_cli import config

        path = config.find(self._path)
        if path is not None:
            return config.read(path)
        from heartbeat_cli import discovery

        return config.load(discovery.default_tables(), "built-in configuration")

    @contextmanager
    def store(self) -> Iterator[Any]:
        """The open store, brought to this version's tables."""
        from heartbeat_cli.store import database, schema

        db = database.connect(self.config.store, self.config.heartbeat.store_timeout)
        try:
            schema.migrate(db)
            yield db
        finally:
            db.close()

    @contextmanager
    def working_store(self, wait: float = 10.0) -> Iterator[Any]:
        """The store for a pass that writes: only one such pass at a time on a host."""
        from heartbeat_cli import lock

        with lock.only_one(self.config.state_dir, wait), self.store() as db:
            yield db

    def components(self, names: Sequence[str]) -> list[str]:
        """The ids that ids, kinds or globs name. Raises UsageError, naming the nearest, for one that names nothing."""
        from heartbeat_cli.domain.component import matching
        from heartbeat_cli.settings import nearest

        chosen, missed = matching(names, self.config.components)
        if missed:
            lines = [f"no component {name!r}{nearest(name, self.config.components)}" for name in missed]
            raise UsageError("\n".join(lines))
        return chosen

    @staticmethod
    def now() -> float:
        """The time, rounded to what both stores keep exactly."""
        return round(time.time(), 6)


pass_app = click.make_pass_decorator(App)


def format_option(*choices: str) -> Callable[[Any], Any]:
    """The `--format` option with the formats a verb has, the first being the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(choices),
        default=choices[0],
        show_default=True,
        help="How to print.",
    )


dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would be done; keep and change nothing.")


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    import json

    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def say(text: str) -> None:
    """A remark for a person: standard error, so that standard output stays what was asked for."""
    click.echo(text, err=True)
