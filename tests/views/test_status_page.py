"""The page that everybody may see, its feed and its JSON: what they say, what they never say, and that it is true."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from heartbeat_cli.config import load as configuration
from heartbeat_cli.config.groups import Found
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.incident import Incident, Relapse
from heartbeat_cli.domain.reporting.board import midnights
from heartbeat_cli.domain.reporting.status_page import Facts
from heartbeat_cli.passes.report import report
from heartbeat_cli.store.history import rollups
from heartbeat_cli.store.state import silences, states
from tests.parts import deployment, json_schema
from tests.views import status_pages as pages
from tests.views.status_pages import NOW, Made
from tests.views.test_dashboard import HOSTILE, _printable, parsed, said

MANUAL = Path(__file__).parents[2] / "docs/reference/status-json.md"
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(scope="module")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return pages.troubled(tmp_path_factory.mktemp("trouble"))


# --- what it says ----------------------------------------------------------------------------------------------------


def test_a_bad_day_reads_from_the_verdict_down_to_what_is_over(trouble: Made) -> None:
    text = said(trouble.page)
    assert "4 components are down 1 component is degraded · 1 component is in maintenance" in text
    assert "PostgreSQL Since 2026-11-18 17:36 for 1 h 30 min Also affected: Chat Assistant , Main Agent" in text
    assert "2026-11-18 19:05 to 20:06 Gateway now" in text
    assert "2026-11-22 12:30 to 14:30 PostgreSQL" in text and "2026-11-29 12:30 to 14:30 PostgreSQL" in text
    assert "2026-11-25 22:00 to 2026-11-26 01:00 All components" in text
    assert "Worker 13:46 – 14:26 down for 40 min Resolved by automatic recovery" in text
    assert "2026-10-30 Worker 09:30 – 09:42 down for 12 min Resolved" in text
    parts = ("are down", "Incidents now", "Components", "Main Agent Down", "Incidents of the last 90 days")
    assert [text.index(part) for part in parts] == sorted(text.index(part) for part in parts)
    assert "Storage" in text and "Times in Asia/Hong_Kong" in text


def test_a_good_day_says_so_and_nothing_more(tmp_path: Path) -> None:
    made = pages.good(tmp_path)
    text = said(made.page)
    assert "All components are operational" in text and "No incidents." in text
    assert made.tree["status"] == "operational" and made.tree["incidents"] == []
    assert "Incidents now" not in text and "<entry>" not in made.feed


def test_the_page_and_the_feed_speak_chinese(tmp_path: Path) -> None:
    made = pages.troubled(tmp_path, "zh-HK")
    assert '<html lang="zh-HK"' in made.page and 'xml:lang="zh-HK"' in made.feed
    assert "4 個組件服務中斷" in said(made.page) and "已由系統自動恢復" in said(made.page)
    assert '<content type="text">由 2026-11-18 13:46 至 2026-11-18 14:26 中斷，合共 40 min。' in made.feed or (
        "由 2026-11-18 13:46 至 2026-11-18 14:26 中斷" in made.feed
    )
    assert made.tree["status"] == "down", "the words of the JSON stay"


def test_without_a_title_of_ones_own_it_is_called_status(tmp_path: Path) -> None:
    assert pages.empty(tmp_path).tree["title"] == "Status"


# --- nothing unseen is called well -----------------------------------------------------------------------------------


def _alone(folder: Path, story: deployment.Story, later: float = 0.0, **common: Any) -> Made:
    component = {"kind": "tcp", "name": "Shop", "host": "localhost", "port": 1, **common}
    made = deployment.config(folder, components={"shop": component})
    with deployment.store(made) as db:
        deployment.live(db, made, NOW, story, step=60.0, span=3_600.0)
        return pages.rendered(db, made, NOW + later)


def _until(seconds: float, last: Reading, before: Reading) -> deployment.Story:
    return lambda id_, ago, chance: last if ago < seconds else before


GOOD, BAD = Reading("healthy", 0.01), Reading("error", None, "refused")
BLIND, SLOW = Reading("unknown", None, "no idea"), Reading("degraded", 2.0, "slow")


@pytest.mark.parametrize(
    ("story", "later", "status"),
    [
        (_until(0, GOOD, GOOD), 0.0, "operational"),
        (_until(30, BAD, GOOD), 0.0, "degraded"),  # below the threshold
        (_until(1_000, BAD, GOOD), 0.0, "down"),
        (_until(30, GOOD, BAD), 0.0, "degraded"),  # its incident is not over
        (_until(1_000, SLOW, GOOD), 0.0, "degraded"),
        (_until(30, BLIND, GOOD), 0.0, "not_observed"),
        (_until(1_000, BLIND, GOOD), 0.0, "not_observed"),
        (_until(1_000, BLIND, BAD), 0.0, "down"),  # nobody has seen that end
        (_until(0, GOOD, GOOD), 3_600.0, "not_observed"),  # nobody looks any more
        (lambda id_, ago, chance: None, 0.0, "not_observed"),
    ],
)
def test_a_component_is_called_what_is_known_of_it(
    tmp_path: Path, story: deployment.Story, later: float, status: str
) -> None:
    made = _alone(tmp_path, story, later)
    assert [one["status"] for one in made.tree["components"]] == [status]
    assert made.tree["status"] == status
    assert ("operational" in said(made.page)) is (status == "operational")


def test_beside_what_is_not_observed_not_all_is_operational(tmp_path: Path) -> None:
    made = deployment.config(tmp_path)
    with deployment.store(made) as db:
        deployment.live(db, made, NOW, lambda id_, ago, chance: BLIND if id_ == "db" else GOOD, step=60.0, span=600.0)
        found = pages.rendered(db, made)
    assert found.tree["status"] == "not_observed" and "1 component is not observed" in said(found.page)
    assert "All components" not in said(found.page)


def test_no_component_and_no_check_are_not_called_well(tmp_path: Path) -> None:
    made = pages.empty(tmp_path)
    assert made.tree["status"] == "not_observed" and "No components are shown here" in said(made.page)


def test_a_page_over_a_store_that_could_not_be_read_says_so(tmp_path: Path) -> None:
    made = pages.config(tmp_path)
    found = pages.made_of(Facts(_midnights(), has_history=False, is_read=False, trouble="refused"), made)
    text = said(found.page)
    assert "The present state is not known" in text and "The records could not be read." in text
    assert found.tree["status"] == "not_observed" and found.tree["states_known"] is False
    assert {one["status"] for one in found.tree["components"]} == {"not_observed"}
    assert "No incidents." not in text and "perational" not in text and "refused" not in found.page + found.json


def _midnights() -> list[float]:
    from zoneinfo import ZoneInfo

    return midnights(NOW, ZoneInfo("Asia/Hong_Kong"))


def test_a_page_made_of_the_spool_says_what_is_missing_and_keeps_its_ids(tmp_path: Path) -> None:
    from heartbeat_cli.domain.checking.coverage import Degraded
    from heartbeat_cli.store.standby import mirror, spool

    made = pages.config(tmp_path)
    with deployment.store(made) as db:
        deployment.live(db, made, NOW, deployment.trouble, step=600.0)
        before = pages.rendered(db, made)
        copy, identity = mirror.snapshot(db, made.observer, NOW), db.identity
    begun = Degraded("d", made.observer, NOW - 60, "refused", None)
    away = spool.begin(tmp_path / "spool/spool.db", lambda: copy, begun, 5.0, identity)
    try:
        found = pages.rendered(away, made)
    finally:
        away.close()
    assert found.tree["history_known"] is False and found.tree["states_known"] is True
    assert "could not be read: availability and incidents that are over are not shown" in said(found.page)
    assert "No incidents." not in said(found.page) and "available" not in said(found.page)
    open_ = [one["id"] for one in before.tree["incidents"] if one["ended"] is None]
    assert sorted(one["id"] for one in found.tree["incidents"]) == sorted(open_)
    assert [one["id"] for one in found.tree["components"]] == [one["id"] for one in before.tree["components"]]


# --- it agrees with the report ---------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Any, Config]]:
    """Faults of three months: open, over, healed by a step, held by another, and one that came back twice."""
    made = pages.config(tmp_path)
    if request.param == "postgres":
        made = made._replace(heartbeat=made.heartbeat._replace(store=request.getfixturevalue("database")))
    with deployment.store(made) as db:
        pages.trouble(db, made)
        begun = NOW - 33 * deployment.DAY
        back = tuple(Relapse(begun + n * 400, begun + n * 400 + 100, begun + n * 400 + 150) for n in (1, 2))
        one = Incident(f"chat@{round(begun * 1000)}", "chat", "agent", "high", "no answer", begun, begun + 60)
        states.save_incident(db, one._replace(ended=begun + 1_500, relapses=back))
        yield db, made


def test_availability_and_incidents_are_those_of_the_report(world: tuple[Any, Config]) -> None:
    db, made = world
    found = pages.rendered(db, made).tree
    first = report.today(_midnights()[0] + 60, "Asia/Hong_Kong")
    span = report.period(first, report.today(NOW, "Asia/Hong_Kong"), "Asia/Hong_Kong")
    summary = report.report(db, made, span, NOW)
    names = {one.id: made.status_page.names.get(one.id, one.name) for one in made.components.values()}
    shares = {names[one.component]: one.availability_percent for one in summary.tallies}
    assert {one["name"]: one["availability_percent"] for one in found["components"]} == pytest.approx(shares, rel=1e-9)
    assert min(share for share in shares.values() if share is not None) < 99.9
    expected = [
        (names[one.incident.component], one.incident.started, one.incident.ended, round(one.lasted, 6), one.healed_by)
        for one in summary.stories
    ]
    outcome = {True: "resolved_automatically", False: "resolved"}
    assert [(one["name"], one["started"], one["ended"], one["down_seconds"], one["outcome"]) for one in
            found["incidents"]] == [
        (name, _iso(started), _iso(ended), lasted, "ongoing" if ended is None else outcome[healed is not None])
        for name, started, ended, lasted, healed in sorted(expected, key=lambda row: -row[1])
    ]  # fmt: skip
    assert len(expected) > 8 and {one["outcome"] for one in found["incidents"]} == {"ongoing", *outcome.values()}


def test_a_day_of_the_report_is_a_day_of_the_page(world: tuple[Any, Config]) -> None:
    db, made = world
    rollups.refresh(db, round(NOW // 3600) - 1, float("inf"))
    found = pages.rendered(db, made).tree
    day = datetime.fromisoformat(found["days"][-2]).date()
    summary = report.report(db, made, report.period(day, day, "Asia/Hong_Kong"), NOW)
    shares = {one.component: one.availability_percent for one in summary.tallies}
    main = next(one for one in found["components"] if one["name"] == "Main Agent")
    assert main["daily_availability_percent"][-2] == pytest.approx(shares["main"], abs=1e-5)
    assert len(found["days"]) == len(main["daily_availability_percent"]) == len(main["daily_observed_percent"]) == 90


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


# --- what it never says ----------------------------------------------------------------------------------------------

TELLTALE = "telltale"


def _revealing(folder: Path) -> tuple[Config, Made]:
    """Everything that nobody may learn bears the same mark."""
    mark = TELLTALE
    components: dict[str, Any] = {
        f"{mark}-id-agent": {"kind": "agent", "name": "Agent", "url": f"http://{mark}.internal:8000/{mark}?{mark}"},
        f"{mark}-id-db": {"kind": "database", "name": "Data", "dsn": f"postgresql://{mark}:{mark}@{mark}/{mark}"},
        f"{mark}-id-box": {"kind": "docker", "name": "Box", "container": f"{mark}-box", "group": f"{mark} rack"},
        f"{mark}-id-unit": {"kind": "service", "name": "Unit", "unit": f"{mark}.service"},
        f"{mark}-boxes": {"kind": "docker", "match": {"name": f"{mark}*"}},
    }
    tables = deployment.tables(folder, components=components, heartbeat={"observer": f"{mark}-host"})
    tables["components"] = components
    tables["maintenance"] = {f"{mark}-window": {"cron": "0 * * * *", "duration": "30m", "reason": f"{mark} reason"}}
    made = configuration.load(tables, f"{mark}.toml", find=lambda *_: Found({f"{mark}-boxes": [f"{mark}-found"]}))

    def story(id_: str, ago: float, chance: Any) -> Reading:
        if ago < 1_200 or 2_400 < ago < 3_000:
            return Reading("error", None, f"{mark}: no answer from {mark}:8000", evidence={mark: f"{mark} {mark}"})
        return Reading("healthy", 0.01)

    with deployment.store(made) as db:
        deployment.live(db, made, NOW, story, step=60.0, span=7_200.0)
        for one in states.open_incidents(db).values():
            states.save_incident(db, one._replace(acked=NOW - 5, acked_by=f"{mark}-ann"))
        silences.add(db, silences.Silence(f"{mark}1", "*-unit", "maintenance", NOW - 9, NOW + 9, f"{mark} why", mark))
        return made, pages.rendered(db, made)


def test_nothing_that_nobody_may_learn_is_in_the_three_files(tmp_path: Path) -> None:
    config, made = _revealing(tmp_path)
    assert len(config.components) == 5 and len(made.tree["components"]) == 4
    assert {one["outcome"] for one in made.tree["incidents"]} == {"ongoing", "resolved"}
    assert len(made.tree["maintenance"]) > 10
    for text in (made.page, made.feed, made.json):
        assert TELLTALE not in text.lower()
        assert not re.search(r"\b(agents-01|localhost|8000|postgresql://|no answer)\b", text)
    assert "Agent" in made.page and "Data" in made.feed and "Box" in made.json


def test_ids_that_are_shown_depend_on_the_store(tmp_path: Path) -> None:
    """Who guesses the id of a component cannot tell by them that the guess is right."""
    first, second = (_alone(tmp_path / name, _until(0, GOOD, GOOD)) for name in ("a", "b"))
    assert first.tree["components"][0]["id"] != second.tree["components"][0]["id"]


def test_hostile_names_are_harmless_in_all_three(tmp_path: Path) -> None:
    names = [_printable(text) for text in (*HOSTILE, "]]>&amp;<![CDATA[", "Ω漢字 ﷽")]
    components = {
        f"h{n}": {"kind": "tcp", "name": name, "host": "localhost", "port": 1} for n, name in enumerate(names)
    }
    page = {"title": _printable(HOSTILE[2]), "names": {"h0": names[1]}}
    made = deployment.config(tmp_path, components=components, status_page=page)
    with deployment.store(made) as db:
        deployment.live(db, made, NOW, lambda id_, ago, chance: BAD, step=60.0, span=600.0)
        found = pages.rendered(db, made)
    tags = [tag for tag, _ in parsed(found.page).tags]
    assert tags.count("script") == 1 and "img" not in tags and tags.count("svg") > 10
    assert not any(key.startswith("on") for _, keys in parsed(found.page).tags for key in keys)
    shown = [one.text or "" for one in ElementTree.fromstring(found.feed).iter(f"{ATOM}title")]
    assert any("<script>" in one or "onerror" in one for one in shown), "as text"
    loaded = json.loads(found.json)
    for text in (found.page, found.feed, *(one["name"] for one in loaded["components"])):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", text)
    assert all(len(one["name"]) <= 80 for one in loaded["components"])


# --- the forms -------------------------------------------------------------------------------------------------------


def test_the_json_is_what_its_manual_says(trouble: Made, tmp_path: Path) -> None:
    (block,) = re.findall(r"^```json\n(.*?)^```", MANUAL.read_text(), re.M | re.S)
    schema = json.loads(block)
    for made in (trouble, pages.empty(tmp_path)):
        assert json_schema.faults(json.loads(made.json), schema) == []


def test_the_feed_is_atom(trouble: Made) -> None:
    """What RFC 4287 requires of a feed and its entries."""
    feed = ElementTree.fromstring(trouble.feed)
    assert feed.tag == f"{ATOM}feed"
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == len(trouble.tree["incidents"]) >= 7
    for one in (feed, *entries):
        for name in ("id", "title", "updated"):
            assert len(one.findall(f"{ATOM}{name}")) == 1, name
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "Example"
    ids = [one.findtext(f"{ATOM}id") or "" for one in (feed, *entries)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"tag:status\.example\.org,2026:[0-9a-f]{20}", one) for one in ids)
    (own,) = [one for one in feed.findall(f"{ATOM}link") if one.get("rel") == "self"]
    assert own.get("href") == "https://status.example.org/feed.atom"
    dates = [_date(one) for name in ("updated", "published") for one in feed.iter(f"{ATOM}{name}")]
    assert len(dates) == 1 + 2 * len(entries)
    updated = [_date(one.find(f"{ATOM}updated")) for one in entries]
    assert updated == sorted(updated, reverse=True) and _date(feed.find(f"{ATOM}updated")) == updated[0]
    for one in entries:
        (content,), (link,) = one.findall(f"{ATOM}content"), one.findall(f"{ATOM}link")
        assert content.get("type") == "text" and re.match(r"Down (since|from) 2026-", content.text or "")
        fragment = (link.get("href") or "").rpartition("#")[2]
        assert f'id="{fragment}"' in trouble.page


def _date(element: ElementTree.Element | None) -> datetime:
    assert element is not None and element.text is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", element.text)
    return datetime.fromisoformat(element.text)


def test_an_entry_keeps_its_id_and_changes_only_when_its_incident_does(tmp_path: Path) -> None:
    made = pages.config(tmp_path)
    with deployment.store(made) as db:
        deployment.live(db, made, NOW, deployment.trouble, step=600.0)
        first, later = _entries(pages.rendered(db, made)), _entries(pages.rendered(db, made, NOW + 50))
        assert first == later
        one = states.open_incidents(db)["host"]
        states.save_incident(db, one._replace(ended=NOW + 60))
        ended = _entries(pages.rendered(db, made, NOW + 100))
    assert ended.keys() == first.keys()
    ((before, after),) = [(first[id_], ended[id_]) for id_ in first if first[id_] != ended[id_]]
    assert before.startswith("This machine is down") and after.startswith("This machine was down for 2 h 51 min")
    over = datetime.fromtimestamp(NOW + 60, UTC)
    assert over.isoformat(timespec="milliseconds") in after and timedelta(0) < datetime.now(UTC) - over


def _entries(made: Made) -> dict[str, str]:
    entries = ElementTree.fromstring(made.feed).findall(f"{ATOM}entry")
    return {one.findtext(f"{ATOM}id") or "": " ".join(each.text or "" for each in one if each.tag != f"{ATOM}id")
            for one in entries}  # fmt: skip


def test_without_an_address_the_feed_is_valid_too(tmp_path: Path) -> None:
    page = {"file": str(tmp_path / "our status.html")}
    made = deployment.config(tmp_path, status_page=page)
    with deployment.store(made) as db:
        deployment.live(db, made, NOW, deployment.trouble, step=600.0)
        feed = ElementTree.fromstring(pages.rendered(db, made).feed)
    assert (feed.findtext(f"{ATOM}id") or "").startswith("tag:heartbeat.invalid,2026:")
    links = {one.get("rel"): one.get("href") for one in feed.findall(f"{ATOM}link")}
    assert links == {"self": "feed.atom", "alternate": "our%20status.html"}


# --- maintenance -----------------------------------------------------------------------------------------------------


def test_maintenance_is_announced_two_weeks_before_and_silences_are_not(tmp_path: Path) -> None:
    """Also a window in which recovery goes on; one that concerns nothing that is shown is left out."""
    day = deployment.DAY
    at = {name: datetime.fromtimestamp(NOW + days * day, UTC).isoformat() for name, days in
          (("ago", -1), ("soon", 13.9), ("late", 14.1), ("end", 15))}  # fmt: skip
    windows = {
        "heals": {"from": at["ago"], "until": at["end"], "components": ["chat"], "recovery": "on"},
        "soon": {"from": at["soon"], "until": at["end"], "components": ["agent"], "reason": "secret works"},
        "late": {"from": at["late"], "until": at["end"]},
        "unseen": {"from": at["soon"], "until": at["end"], "components": ["host"]},
        "endless": {"until": at["end"], "components": ["coding"]},
    }
    page = {"components": ["main", "chat", "coding"]}
    made = deployment.config(tmp_path, maintenance=windows, status_page=page)
    with deployment.store(made) as db:
        deployment.live(db, made, NOW, deployment.calm, step=60.0, span=600.0)
        silences.add(db, silences.Silence("a", "main", "silence", NOW - 9, NOW + day, "no messages", "ann"))
        silences.add(db, silences.Silence("b", "host", "maintenance", NOW - 9, NOW + day, "unseen", "ann"))
        found = pages.rendered(db, made)
    names = {one["id"]: one["name"] for one in found.tree["components"]}
    times = [
        (one["starts"] and one["starts"][:10], one["now"], [names[key] for key in one["components"]])
        for one in found.tree["maintenance"]
    ]
    assert times == [
        (None, True, ["Worker"]),
        ("2026-11-17", True, ["Chat Assistant"]),
        ("2026-12-02", False, ["Main Agent", "Chat Assistant", "Worker"]),
    ]
    assert [one["status"] for one in found.tree["components"]] == ["operational", "maintenance", "maintenance"]
    assert "secret" not in found.page and "2 components are in maintenance" in said(found.page)
    assert "until 2026-12-03 19:06 Worker now" in said(found.page)


@pytest.mark.whole
def test_a_window_of_every_minute_does_not_fill_the_page(tmp_path: Path) -> None:
    windows = {f"w{n}": {"cron": "* * * * *", "duration": "1m"} for n in range(10)}
    made = deployment.config(tmp_path, maintenance=windows)
    with deployment.store(made) as db:
        found = pages.rendered(db, made)
    assert len(found.tree["maintenance"]) == 300 and found.page.count("All components") <= 20
