"""What was done about a fault, as its message lists it, and who has healed it. Used by `facts`."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.views.fact_lines import moment, number
from heartbeat_cli.views.voice import Voice

Values = dict[str, Any]

_MOST = 6  # attempts that are listed, the last ones


def of_alert(alert: Alert, voice: Voice) -> list[Values]:
    rows = [row for row in _list(alert.details.get("attempts")) if isinstance(row, list | tuple) and len(row) >= 3]
    reason = _text(alert.details.get("recovery"))  # stands below the attempts: what was held for it says no more
    rows = [row for row in rows if row[1] != "held" or str(row[2]) not in reason]
    kept, waited = _without_waiting(rows)
    return [
        {
            "number": number,
            "action": _where(voice.clean(str(action), 60), voice.clean(str(host[0]), 60) if host else "", voice),
            "outcome": _outcome(voice.word(voice.clean(str(outcome), 60)), times, voice),
            "done": outcome in ("done", "working", "cut off"),
            "detail": voice.said(str(detail)),
            "waited": voice.said(str(waited.get(id(row), ""))),
        }
        for number, (times, row) in list(enumerate(_tries(kept), 1))[-_MOST:]
        for action, outcome, detail, *host in (row,)
    ]


def healed(alert: Alert, tried: Sequence[Values], voice: Voice) -> str:
    """Who made it healthy and how, as far as is known; "" where it came back by itself."""
    if alert.type != "recovered":
        return ""
    by = alert.details.get("healed_by")
    who, name = (str(by.get(key) or "") for key in ("who", "name")) if isinstance(by, Mapping) else ("heartbeat", "")
    if who in ("acknowledged", "given_up"):
        at = number(by.get("at")) if isinstance(by, Mapping) else None
        asked = alert.at if at is None else at
        return voice.word(f"healed_{who}", who=voice.clean(name, 60), at=moment(asked, alert.at, voice.timezone))
    done = [one for one in tried if one["done"]] or (tried[-1:] if isinstance(by, Mapping) else [])
    if not done or who not in ("heartbeat", "person", "program"):
        return ""
    detail = done[-1]["detail"] or voice.word("working")
    return voice.word(f"healed_{who}", action=done[-1]["action"], detail=detail, who=voice.clean(name, 60))


def _without_waiting(rows: Sequence[Sequence[Any]]) -> tuple[list[Sequence[Any]], dict[int, object]]:
    """Attempts without those that were held right before the same step took place, and what these waited for, by the
    identity of the attempt that followed."""
    kept, waited = [], dict[int, object]()
    for row, after in zip_longest(rows, rows[1:]):
        if after is not None and row[1] == "held" and after[1] != "held" and row[0] == after[0]:
            waited[id(after)] = row[2]
        else:
            kept.append(row)
    return kept, waited


def _tries(rows: Sequence[Sequence[Any]]) -> list[tuple[int, Sequence[Any]]]:
    """Attempts without what only repeats the one before, and how many times each was made."""
    found: list[tuple[int, Sequence[Any]]] = []
    for row in rows:
        if found and list(found[-1][1]) == list(row):
            found[-1] = (found[-1][0] + 1, row)
        else:
            found.append((1, row))
    return found


def _outcome(outcome: str, times: int, voice: Voice) -> str:
    return voice.word("times", outcome=outcome, n=times) if times > 1 else outcome


def _where(action: str, host: str, voice: Voice) -> str:
    """A step and the host that took it, where there are several."""
    return voice.word("on_host", action=action, host=host) if host else action


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
