"""Which buttons stand under a message. Used by `send`."""

from collections.abc import Sequence

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert, is_about_fault, over
from heartbeat_cli.domain.alerting.message import Button
from heartbeat_cli.views.wording import word

_MOST = 4  # faults of one message that have buttons


def buttons(alerts: Sequence[Alert], config: Config) -> tuple[Button, ...]:
    """A row for each fault that these alerts are about, of what has not ended: acknowledge, silence, and recover where
    recovery may do something."""
    if not any(getattr(one.settings, "buttons", False) for one in config.channels.values()):
        return ()
    ended = over(alerts)
    faults = {one.incident: one.component for one in alerts if is_about_fault(one) and one.incident not in ended}
    found: list[Button] = []
    for incident, id_ in list(faults.items())[:_MOST]:
        component = config.components.get(id_)
        if incident is None or component is None:
            continue
        locale = config.heartbeat.locale
        first = word("button_ack", locale) if len(faults) == 1 else f"✓ {component.name[:40]}"
        found += [Button("ack", incident, first), Button("silence", incident, word("button_silence", locale))]
        if component.plan.mode != "off" and component.plan.ladder:
            found.append(Button("recover", incident, word("button_recover", locale)))
    return tuple(found)
