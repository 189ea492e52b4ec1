"""What an alert knows of the main cause of a fault, read from the sentences of its check and of its recovery. A message
cannot do that: of stored sentences it is given the lines."""

from collections.abc import Mapping, Sequence

from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.domain.kinds import host_limits, main_cause, postgres_health
from heartbeat_cli.domain.text import Text
from heartbeat_cli.store.sql import sentences
from heartbeat_cli.store.sql.database import Database

_SAID = "{line}: {said}"


def of(db: Database, component: Component, cause: str, evidence: Mapping[str, str]) -> dict[str, object]:
    """`holder`: who holds most connections of a database; `server`: the host and port of that; `folder`: what takes
    most of a full disk; `short_of`: what a host is short of. Each only where it is known."""
    if component.kind == "database":
        held, dsn = main_cause.holder(_sentences(db, evidence)), str(getattr(component.settings, "dsn", ""))
        server = [postgres_health.host_of_dsn(dsn) or "", postgres_health.port_of_dsn(dsn)]
        return {"server": server} | ({"holder": list(held)} if held is not None else {})
    if component.kind != "host":
        return {}
    found: dict[str, object] = {"short_of": sorted(host_limits.concerned(sentences.as_said(db, [cause])[0]))}
    if (full := main_cause.folder(_sentences(db, evidence))) is not None:
        found["folder"] = list(full)
    return found


def largest_folder(db: Database, evidence: Mapping[str, str]) -> list[str]:
    """The largest folder of a full disk and how much it takes; empty where that is not known."""
    full = main_cause.folder(_sentences(db, evidence))
    return [full.path, full.size] if full is not None else []


def failed_with(db: Database, attempts: Sequence[Attempt]) -> dict[str, object]:
    """`failed_with`: what the first failed step said last."""
    first = next((one.detail for one in attempts if one.outcome == "failed"), "")
    (detail,) = sentences.as_said(db, [first])
    if isinstance(detail, Text) and detail.template == _SAID:
        return {"failed_with": str(detail.values.get("said") or "")}
    return {}


def _sentences(db: Database, evidence: Mapping[str, str]) -> Mapping[str, str]:
    return dict(zip(evidence, sentences.as_said(db, list(evidence.values())), strict=True))
