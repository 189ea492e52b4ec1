"""What an alert knows so that it fits the component: what kind of failure it is, how the component is restarted here,
where it is, what was done and where."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from shlex import join
from typing import TYPE_CHECKING

from heartbeat_cli import plugins
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.addresses import ordinary
from heartbeat_cli.domain.alerting.alert import HANDOFFS, Alert
from heartbeat_cli.domain.category import Failure
from heartbeat_cli.domain.component import Component, Step, watched_by
from heartbeat_cli.domain.incident import ITSELF, PERSON, Attempt, Incident
from heartbeat_cli.domain.text import brief
from heartbeat_cli.redact import redact
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.history.last_checks import LastCheck
from heartbeat_cli.store.sql import sentences
from heartbeat_cli.store.sql.database import Database

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_BRIEF = 40  # characters of another fault's cause that need no shortening


def of(component: Component, failure: Failure | None, now: float, secrets: Iterable[str]) -> dict[str, object]:
    """`restart`: the command that does what its ladder begins with; `local`: no network lies between; `address`: the
    URL that is asked; `renews`: when its budget starts anew; `category` and `remedy` of its failure: `restart` where a
    step of its own mends that."""
    found: dict[str, object] = {}
    if url := getattr(component.settings, "url", None):
        found["address"] = redact(without_secrets(str(url)), secrets)  # a path may be a password, too
    if (at := renews(component, now)) is not None:
        found["renews"] = at
    if failure is not None:
        mended = failure.remedy != "restart" and bool(component.plan.mending(failure))
        found |= {"category": failure.category, "remedy": "restart" if mended else failure.remedy}
    if component.plan.ladder:
        found["restart"] = _by_hand(component.plan.ladder) or f"heartbeat recover --component {component.id} --force"
    if not plugins.uses_network(component.kind, component.settings):
        found["local"] = True
    return found


def renews(component: Component, now: float) -> float | None:
    """When what a component has spent counts anew (epoch seconds), by the optional `renews` of its kind."""
    of_kind = getattr(plugins.load("monitors", component.kind), "renews", None)
    return None if of_kind is None or component.settings is None else float(of_kind(component.settings, now))


def without_secrets(url: str) -> str:
    """An address without its user, password, query and fragment."""
    try:
        parts = ordinary(url) or _split(url)
        host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
        return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"
    except ValueError:
        return ""


def _split(url: str) -> "SplitResult":
    from urllib.parse import urlsplit

    return urlsplit(url)


def tried(db: Database, attempts: Sequence[Attempt]) -> list[list[str]]:
    """Attempts as an alert's details hold them: action, outcome, detail, and where there are several hosts, which."""
    several = bool(attempts) and len(gaps.watches(db)) > 1
    return [[one.action, one.outcome, one.detail, *([one.observer] if several else [])] for one in attempts]


def healer(incident: Incident, attempts: Sequence[Attempt], given: Sequence[Alert]) -> dict[str, object]:
    """Who healed an incident that has ended, as far as is known (`who`): `heartbeat`, a `person` or a `program`
    (`name`) by the last step that took place, a person who had `acknowledged` it (`name`) or was called because
    recovery had `given_up` or only a person could mend it (`at`: when an alert of those `given` first said so); else it
    came back by `itself`. A step that was not verified in its time counts only where no person is known of."""
    done = [one for one in attempts if one.outcome in ("done", "working", "cut off") or one.verified is not None]
    if done and (done[-1].verified is not None or not (incident.acked or incident.recovery)):
        by = done[-1].requested_by
        return {"who": by} if by in (ITSELF, PERSON) else {"who": "program", "name": by}
    if incident.acked is not None:
        return {"who": "acknowledged", "name": incident.acked_by or ""}
    if not incident.recovery and incident.remedy != "person":
        return {"who": "itself"}
    asked = [one.at for one in given if one.type in HANDOFFS or one.details.get("held_back") is True]
    return {"who": "given_up", "at": incident.declared if incident.remedy == "person" else min(asked, default=None)}


def in_brief(db: Database, causes: Sequence[str], asked: dict[str, str]) -> list[str]:
    """Causes of other faults in a few words; `asked` has those that the store was asked about before in this pass."""
    new = [cause for cause in dict.fromkeys(causes) if cause not in asked]
    asked |= zip(new, (brief(cause, _BRIEF) for cause in sentences.as_said(db, new)), strict=True)
    return [asked[cause] for cause in causes]


def host_fault(
    db: Database,
    config: Config,
    component: Component,
    open_: Mapping[str, Incident],
    asked: dict[str, str],
    last_check: Callable[[Component], LastCheck | None],
) -> dict[str, object]:
    """`host_fault`: the name and the cause (`asked`: see `in_brief`) of a fault of the host that a component runs on,
    where that is open, and, of a full disk, its largest folder and how much that takes."""
    if component.kind == "host" or plugins.uses_network(component.kind, component.settings):
        return {}
    for id_, incident in open_.items():
        other = config.components.get(id_)
        if other is not None and other.kind == "host" and watched_by(other, config.observer):
            last = last_check(other)
            from heartbeat_cli.passes.alerting import main_causes  # few faults come with one of their host

            where = main_causes.largest_folder(db, last.evidence) if last is not None else []
            return {"host_fault": [other.name, *in_brief(db, [incident.cause], asked), *where]}
    return {}


def _by_hand(ladder: Sequence[Step]) -> str:
    """Its first step as a person would type it; "" for what heartbeat does better itself, where arguments may be
    secret, and for an optional step: nobody knows whether there is such a unit."""
    step, own = ladder[0], ladder[0].settings
    if getattr(own, "optional", False):
        return ""
    if step.action == "systemd":
        program = [*(["sudo"] if own.sudo else []), *own.systemctl, *(["--user"] if own.user else [])]
        return join([*program, "restart", own.unit.removesuffix(".service")])
    return join(["docker", "restart", own.container]) if step.action == "docker" else ""
