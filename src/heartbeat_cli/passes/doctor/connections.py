"""Which PostgreSQL connections an impostor could take over: those beyond this host whose server proves nothing.

libpq's own default (`sslmode=prefer`) goes on without TLS where the server says it has none, and hands it the password.
"""

import os
from collections.abc import Iterator, Mapping

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.finding import Finding
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.postgres import libpq
from heartbeat_cli.system import environment

_HERE = ("localhost", "127.", "::1", "/", "@")
_ROOTS = "sslrootcert=/path/to/ca.pem"  # of the authority that signed the server's certificate


class Weak(Record):
    """A connection string: the key it stands under, what is wrong, and what to write in it."""

    key: str
    text: str
    advice: str


def weak(config: Config) -> Iterator[Weak]:
    """Every store, component and recovery step whose connection is not safe from whoever stands in between."""
    for key, dsn in _strings(config):
        params = libpq.parameters(dsn)
        hosts = [host for host in _hosts(params) if not _is_here(host)]
        if hosts and not _verified(params):
            mode = params.get("sslmode", "prefer")
            text = Text(
                "{host} need not prove who it is (sslmode={mode}): an impostor would get the password",
                host=hosts[0],
                mode=mode,
            )
            yield Weak(key, text, _advice(dsn, params))


def findings(config: Config) -> Iterator[Finding]:
    """The same for `doctor`."""
    for one in weak(config):
        yield Finding(Text("tls of {key}", key=one.key), "warn", one.text, one.advice)


def variables() -> Iterator[Finding]:
    """Variables that name files for libraries, and are not followed."""
    for _, text, advice in environment.remarks():
        yield Finding("environment", "warn", text, advice)


def _strings(config: Config) -> Iterator[tuple[str, str]]:
    if not config.store.startswith("sqlite"):
        yield "heartbeat.store", config.store
    for one in config.components.values():
        if dsn := getattr(one.settings, "dsn", None):
            yield f"components.{one.id}.dsn", dsn
        for number, step in enumerate(one.plan.ladder):
            if (own := getattr(step.settings, "dsn", None)) and own != dsn:
                yield f"components.{one.id}.recovery.ladder[{number}].dsn", own


def _hosts(params: Mapping[str, str]) -> list[str]:
    return [host for key in ("host", "hostaddr") for host in params.get(key, "").split(",") if host]


def _is_here(host: str) -> bool:
    return host.lower().startswith(_HERE) or host == os.uname().nodename


def _verified(params: Mapping[str, str]) -> bool:
    """With the system's roots libpq itself insists on verify-full."""
    return params.get("sslmode") == "verify-full" or params.get("sslrootcert") == "system"


def _advice(dsn: str, params: Mapping[str, str]) -> str:
    wanted = ["sslmode=verify-full"] + ([] if "sslrootcert" in params else [_ROOTS])
    if "sslmode" in params:
        change = Text("change sslmode={mode} to sslmode=verify-full", mode=params["sslmode"])
        return Text("{change} and add {roots}", change=change, roots=_ROOTS) if len(wanted) > 1 else change
    if "://" in dsn:
        return Text("add {parameters} at its end", parameters=("&" if "?" in dsn else "?") + "&".join(wanted))
    return Text("add {parameters}", parameters=" ".join(wanted))
