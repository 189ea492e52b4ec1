"""What an alert knows so that its advice fits the component: how it is restarted here, and where it is."""

from heartbeat_cli import plugins
from heartbeat_cli.domain.component import Component, Rung


def of(component: Component) -> dict[str, object]:
    """`restart`: the command that does what its ladder begins with; `local`: no network lies between."""
    found: dict[str, object] = {}
    if component.plan.ladder:
        found["restart"] = _by_hand(component.plan.ladder[0]) or f"heartbeat recover --component {component.id} --force"
    if not plugins.looks_out(component.kind, component.settings):
        found["local"] = True
    return found


def _by_hand(rung: Rung) -> str:
    """As a person would type it; "" for what heartbeat does better itself, or where arguments may be secret."""
    own = rung.settings
    if rung.action == "systemd":
        program = [*(["sudo"] if own.sudo else []), *own.systemctl, *(["--user"] if own.user else [])]
        return " ".join([*program, "restart", own.unit.removesuffix(".service")])
    return f"docker restart {own.container}" if rung.action == "docker" else ""
