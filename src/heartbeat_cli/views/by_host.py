"""What each host sees, or saw, of what several hosts check, where they see different things. Used by `facts`."""

from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.alerting.alert import Alert, family
from heartbeat_cli.domain.checking.result import FAILURES
from heartbeat_cli.domain.text import Text, listed
from heartbeat_cli.views.fact_lines import as_list, cause_of, clock_time
from heartbeat_cli.views.voice import Voice

Lines = dict[str, Any]

_MOST = 4  # things that are seen; more are a list below
_SAID = 120  # characters of what a host says


def of_alert(alert: Alert, voice: Voice) -> Lines:
    """`views`: one line with what every host sees, that of the cause first, in the message of an end what they saw
    when it began, and the same as `cause`; `checked`: when each of them saw it. Both are "" where all see the same, or
    too many different things."""
    over = family(alert.type) == "over"
    found = as_list(alert.details.get("views_then" if over else "votes"))
    rows = [row for row in found if isinstance(row, list | tuple) and len(row) >= 3]
    hosts = _by_what_they_see(rows, voice)
    if not 1 < len(hosts) <= _MOST or not any(row[1] in FAILURES for row in rows):
        return {"views": "", "checked": ""}
    first = voice.said(cause_of(alert), _SAID)
    shown = [
        voice.said(Text("{hosts}: {seen}", hosts=voice.word("names_comma").join(names), seen=seen), 2 * _SAID)
        for seen, names in sorted(hosts.items(), key=lambda one: one[0] != first)
    ]
    line = " · ".join(shown)
    return {"views": line, "cause": line, "checked": "" if over else _checked(rows, alert, voice)}


def _by_what_they_see(rows: Sequence[Sequence[Any]], voice: Voice) -> Mapping[str, list[str]]:
    """The hosts by what they see: what fails first, then what could not be checked, then what is well."""
    found: dict[str, list[str]] = {}
    for host, status, error, *_ in sorted(rows, key=lambda row: (row[1] not in FAILURES, row[1] != "unknown")):
        seen = voice.said(str(error), _SAID) if status in (*FAILURES, "unknown") else ""
        found.setdefault(seen or voice.word(voice.clean(str(status), 20)), []).append(voice.clean(str(host), 60))
    return found


def _checked(rows: Sequence[Sequence[Any]], alert: Alert, voice: Voice) -> str:
    """When each host saw it last: what was seen a while ago says less."""
    at = [(voice.clean(str(row[0]), 60), clock_time(row[3] if len(row) > 3 else None, alert, voice)) for row in rows]
    names = [Text("{name} at {at}", name=name, at=moment) for name, moment in at if moment]
    return voice.said(Text("Checked by {names}", names=listed(names))) if names else ""
