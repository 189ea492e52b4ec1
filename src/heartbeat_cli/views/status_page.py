"""The page that everybody may see: the document of `status_data` in, one self-contained HTML page out.

Style and script stand in the page itself, let in by their hashes, and nothing else is. Everything is escaped by the
template.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

from heartbeat_cli.config.status_page import FEED, JSON
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.reporting.status_page import DAYS, Facts
from heartbeat_cli.views import dashboard_bars, templates
from heartbeat_cli.views.status_words import counted, word
from heartbeat_cli.views.voice import Moment, Voice
from heartbeat_cli.views.wording import local_time

LEVELS = {"operational": "ok", "degraded": "warn", "down": "bad", "maintenance": "info", "not_observed": "dim"}
_LEAST_REFRESH = 60.0
_PAST, _OPEN, _PLANNED, _NAMES = 100, 40, 20, 20  # shown one by one
_FAVICONS = {"bad": "%23c8372f", "warn": "%23c98a12", "dim": "%238a94a0", "ok": "%232c9460", "info": "%232f62a3"}

Tree = Mapping[str, Any]


def page(tree: Tree, facts: Facts, components: Mapping[str, Component], config: Config, voice: Voice) -> str:
    """The whole page. `facts` give the bars, everything else comes from the document."""
    own, say = config.heartbeat.templates, partial(word, locale=voice.locale)
    style, script = (templates.Inline(templates.source(name, own)) for name in ("status.css", "status.js"))
    level = LEVELS[tree["status"]]
    open_, past = ([one for one in tree["incidents"] if (one["ended"] is None) is now] for now in (True, False))
    others = {one: n for one, n in tree["counts"].items() if n and one not in (tree["status"], "operational")}
    values = {
        "lang": tree["language"],
        "say": say,
        "title": tree["title"],
        "timezone": tree["timezone"],
        "written": voice.moment(voice.now),
        "written_at": f"{voice.now:.0f}",
        "refresh": round(max(_LEAST_REFRESH, config.dashboard.interval)),
        "stale_after": tree["stale_after"],
        "level": level,
        "favicon": _FAVICONS[level],
        "verdict": tree["description"],
        "more": [counted(status, n, voice.locale) for status, n in others.items()] if tree["states_known"] else [],
        "is_read": tree["states_known"],
        "has_history": tree["history_known"],
        "incidents": _open(open_, voice),
        "maintenance": _maintenance(tree, voice),
        "components": _components(tree, facts, components, voice),
        "legend": {level: one for level, one in dashboard_bars.legend().items() if level != "dim"},
        "days": DAYS,
        "past": _past(past[:_PAST], voice),
        "is_complete": tree["incidents_complete"] and len(past) <= _PAST,
        "feed": FEED,
        "data": JSON,
        "style": style,
        "script": script,
    }
    return templates.render("status.html.j2", values, own, config.state_dir / "compiled")


def at(text: str) -> float:
    """The moment that stands in the document (epoch seconds)."""
    return datetime.fromisoformat(text).timestamp()


def minute(moment: float, voice: Voice) -> str:
    """A moment on the wall clock."""
    return local_time(moment, voice.timezone, "%Y-%m-%d %H:%M")


def _moment(text: str, voice: Voice) -> Moment:
    return voice.moment(at(text))._replace(shown=minute(at(text), voice))


def _components(tree: Tree, facts: Facts, components: Mapping[str, Component], voice: Voice) -> list[dict[str, Any]]:
    rows = []
    for one, id_ in zip(tree["components"], components, strict=True):
        share = one["availability_percent"]
        text = word("no_availability", voice.locale)
        if share is not None:
            text = word("availability", voice.locale, share=voice.percent(share / 100))
        rows.append(
            {
                "id": one["id"],
                "name": one["name"],
                "level": LEVELS[one["status"]],
                "status": word(one["status"], voice.locale),
                "bar": dashboard_bars.of_days(facts.days[id_], facts.midnights, voice) if facts.days.get(id_) else None,
                "share": text,
            }
        )
    return rows


def _open(open_: Sequence[Tree], voice: Voice) -> list[dict[str, Any]]:
    """The incidents that go on; what only fell over with another component stands with that."""
    causes = {one["component"] for one in open_}
    own = [one for one in open_ if one["because_of"] not in causes or one["because_of"] == one["component"]]
    return [
        {
            "id": one["id"],
            "name": one["name"],
            "started": _moment(one["started"], voice),
            "lasting": word("so_far", voice.locale, span=voice.span(one["down_seconds"])),
            "affected": [
                (other["id"], other["name"])
                for other in open_
                if other["because_of"] == one["component"] and other is not one
            ],
        }
        for one in own[:_OPEN]
    ]


def _names(names: Sequence[str], voice: Voice) -> str:
    shown = word("comma", voice.locale).join(names[:_NAMES])
    return f"{shown} …" if len(names) > _NAMES else shown


def _past(past: Sequence[Tree], voice: Voice) -> list[dict[str, Any]]:
    """The incidents that are over, by the day on which they began."""
    days = groupby(past, key=lambda one: voice.day(at(one["started"])))
    return [{"day": day, "incidents": [_over(one, voice) for one in found]} for day, found in days]


def _over(one: Tree, voice: Voice) -> dict[str, Any]:
    started, ended = _moment(one["started"], voice), _moment(one["ended"], voice)
    day = voice.day(at(one["started"]))
    shown = [each.shown.removeprefix(f"{day} ") for each in (started, ended)]
    times = len(one["outages"])
    return {
        "id": one["id"],
        "name": one["name"],
        "started": started._replace(shown=shown[0]),
        "ended": ended._replace(shown=shown[1]),
        "lasted": word("lasted", voice.locale, span=voice.span(one["down_seconds"])),
        "outages": word("outages", voice.locale, n=times) if times > 1 else "",
        "outcome": word(one["outcome"], voice.locale),
    }


def _maintenance(tree: Tree, voice: Voice) -> list[dict[str, Any]]:
    names = {one["id"]: one["name"] for one in tree["components"]}
    made = []
    for one in tree["maintenance"][:_PLANNED]:
        which = _names([names[key] for key in one["components"]], voice)
        everything = len(one["components"]) == len(names) > 1
        made.append(
            {
                "when": _when(one, voice),
                "now": one["now"],
                "components": word("all_components", voice.locale) if everything else which,
            }
        )
    return made


def _when(one: Tree, voice: Voice) -> str:
    starts, ends = (None if one[key] is None else minute(at(one[key]), voice) for key in ("starts", "ends"))
    if starts is None:
        return word("until", voice.locale, end=ends) if ends else word("endless", voice.locale)
    if ends is None:
        return word("from", voice.locale, start=starts)
    return word("from_to", voice.locale, start=starts, end=ends.removeprefix(starts[:11]))
