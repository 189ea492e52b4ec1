"""The words of the page that everybody may see, of its feed and its JSON, in English; catalogs have the others."""

from typing import Any

from heartbeat_cli.i18n import catalogs
from heartbeat_cli.i18n.catalogs import N_, plural

_WORDS = {
    "title": N_("Status", "status page"),
    "operational": N_("Operational"),
    "degraded": N_("Degraded", "status page"),
    "down": N_("Down", "status page"),
    "maintenance": N_("In maintenance"),
    "not_observed": N_("Not observed"),
    "verdict_operational": N_("All components are operational"),
    "verdict_none": N_("No components are shown here"),
    "verdict_unread": N_("The present state is not known"),
    "unread": N_("The records could not be read. Nothing on this page says that a component works."),
    "no_history": N_(
        "The records of the past could not be read: availability and incidents that are over are not shown."
    ),
    "skip": N_("Skip to the components"),
    "updated": N_("Updated"),
    "stale": N_("This page is old. What it shows was true at"),
    "no_script": N_("Without scripts this page cannot tell its own age: compare the time above with your clock."),
    "open": N_("Incidents now"),
    "since": N_("Since"),
    "so_far": N_("for {span}"),
    "affected": N_("Also affected:"),
    "comma": N_(", ", "names"),
    "planned": N_("Maintenance"),
    "from_to": N_("{start} to {end}"),
    "until": N_("until {end}"),
    "from": N_("from {start}, end not known"),
    "endless": N_("end not known"),
    "now": N_("now", "maintenance"),
    "all_components": N_("All components"),
    "components": N_("Components"),
    "availability": N_("{share} available"),
    "no_availability": N_("availability not known"),
    "days_ago": N_("{days} days ago"),
    "today": N_("today"),
    "legend": N_("A cell is a day:"),
    "legend_ok": N_("available", "status page"),
    "legend_warn": N_("down for a short time"),
    "legend_bad": N_("down for longer"),
    "legend_gap": N_("partly not observed"),
    "legend_none": N_("not observed"),
    "past": N_("Incidents of the last {days} days"),
    "no_past": N_("No incidents."),
    "older": N_("Older ones are left out here; status.json has more."),
    "lasted": N_("down for {span}"),
    "outages": N_("{n} outages"),
    "ongoing": N_("Not over"),
    "resolved": N_("Resolved"),
    "resolved_automatically": N_("Resolved by automatic recovery"),
    "feed": N_("Feed (Atom)"),
    "data": N_("Data (JSON)"),
    "times_in": N_("Times in {timezone}"),
    "feed_down": N_("{name} is down"),
    "feed_over": N_("{name} was down for {span}"),
    "feed_began": N_("Down since {start}."),
    "feed_ended": N_("Down from {start} to {end}, for {span} in all."),
    "sentence": N_("{text}."),
}
_COUNTED = {
    "down": plural("{count} component is down", "{count} components are down"),
    "degraded": plural("{count} component is degraded", "{count} components are degraded"),
    "not_observed": plural("{count} component is not observed", "{count} components are not observed"),
    "maintenance": plural("{count} component is in maintenance", "{count} components are in maintenance"),
}


def word(key: str, locale: str, **values: Any) -> str:
    """One of the words."""
    return catalogs.word(_WORDS[key], locale, **values)


def counted(status: str, count: int, locale: str) -> str:
    """So many components have this status."""
    return catalogs.counted(count, _COUNTED[status], locale)
