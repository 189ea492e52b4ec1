"""The dashboard page: what it says about a day, that nothing foreign gets into it alive, and a real browser's view."""

import html
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.errors import HeartbeatError
from heartbeat_cli.store.board import board
from heartbeat_cli.store.state import recoveries, silences, states
from heartbeat_cli.views import badges, charts, dashboard, templates
from heartbeat_cli.views.voice import percent
from tests.parts import chromium, deployment
from tests.parts.hosts import Hosts
from tests.parts.stores import opened

NOW = 1_795_000_000.0
HONG_KONG = ZoneInfo("Asia/Hong_Kong")


def page(config: Config, story: deployment.Story, *, now: float = NOW, seconds_later: float = 0.0) -> str:
    """The page after a day of a story, written `seconds_later`."""
    with deployment.store(config) as db:
        deployment.live(db, config, now, story, step=600.0)
        return rendered(db, config, now + seconds_later)


def rendered(db: Any, config: Config, now: float) -> str:
    return dashboard.page(board.read(db, config, HONG_KONG, now), config, now)


class _Text(HTMLParser):
    """What a page shows, and every tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._silent = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._silent = tag if tag in ("style", "script") else ""

    def handle_endtag(self, tag: str) -> None:
        self._silent = ""

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)


def parsed(text: str) -> _Text:
    parser = _Text()
    parser.feed(text)
    return parser


def said(text: str) -> str:
    return " ".join(" ".join(parsed(text).words).split())


def test_a_bad_day_reads_from_the_verdict_down_to_what_needs_a_person(tmp_path: Path) -> None:
    text = said(page(deployment.config(tmp_path), deployment.trouble))
    assert "4 of 10 components in fault" in text
    assert "1 more to watch · Needs a person" in text
    assert "Affected by it Main Agent, Chat Assistant" in text
    assert re.search(r"docker \d\d:\d\d done – not healthy afterwards restarted openclaw-postgres in 2.4 s", text)
    assert "could not connect to server: PANIC: could not write to file: No space left" in text
    assert "mail waiting: localhost:25: connection refused" in text
    assert (
        text.index("in fault") < text.index("Open incidents") < text.index("Components") < text.index("Recent alerts")
    )


def test_a_good_day_says_so_and_nothing_more(tmp_path: Path) -> None:
    text = said(page(deployment.config(tmp_path), deployment.calm))
    assert "All components are healthy" in text
    assert "Healthy now 10 / 10" in text and "Available, 24 hours 100 %" in text
    assert "Open incidents" not in text and "No alerts in the last seven days." in text


def test_the_page_speaks_chinese_in_local_time(tmp_path: Path) -> None:
    made = page(deployment.config(tmp_path, heartbeat={"locale": "zh-HK"}), deployment.trouble)
    assert '<html lang="zh-HK"' in made
    assert re.search(r">\d+(\.\d+)?%<", made) and not re.search(r"\d %", re.sub(r"disk / .*? free", "", made))
    assert "10 個組件中有 4 個故障" in said(made) and "時間以 Asia/Hong_Kong 顯示" in said(made)
    assert 'title="2026-11-18 19:06:40"' in made, "the moment of writing, eight hours ahead of UTC"


def test_nothing_looked_at_and_nothing_configured_are_not_called_well(tmp_path: Path) -> None:
    for sections, verdict in (({}, "Nothing has been checked yet"), ({"components": {}}, "No components are")):
        config = deployment.config(tmp_path / verdict[:3], **sections)  # type: ignore[arg-type]
        with deployment.store(config) as db:
            made = rendered(db, config, NOW)
        assert verdict in said(made) and 'class="verdict dim"' in made


def test_a_component_that_is_no_longer_looked_at_is_not_shown_as_healthy(tmp_path: Path) -> None:
    made = page(deployment.config(tmp_path), deployment.calm, seconds_later=3_600)
    assert "10 of 10 components not known" in said(made)
    assert said(made).count("no longer checked") == 10


def test_beside_what_is_not_known_nothing_is_said_to_work(tmp_path: Path) -> None:
    """One warning beside a component that was never checked: "All work" would count that one, too."""

    def story(id_: str, ago: float, chance: Any) -> Reading:
        if id_ == "main":
            return Reading("degraded", 2.0, "slow: 2 s")
        return Reading("unknown", None, "no idea") if id_ == "db" and ago < 100 else Reading("healthy", 0.1)

    made = said(page(deployment.config(tmp_path), story))
    assert "1 of 10 components to watch" in made and "1 not known" in made and "All work" not in made


def test_silences_and_acknowledgements_are_shown(tmp_path: Path) -> None:
    config = deployment.config(tmp_path)
    with deployment.store(config) as db:
        deployment.live(db, config, NOW, deployment.trouble, step=600.0)
        silences.add(db, silences.Silence("a1", "weather", "silence", NOW - 60, NOW + 600, "works", "ann"))
        incident = states.open_incidents(db)["db"]
        states.save_incident(db, incident._replace(acked=NOW - 60, acked_by="ann"))
        text = said(rendered(db, config, NOW))
    assert "silenced until 19:16" in text and "Acknowledged by ann" in text


def test_what_waits_for_a_word_says_how_to_give_it_and_what_was_held_why(tmp_path: Path) -> None:
    config = deployment.config(tmp_path, recovery={"mode": "ask"})
    with deployment.store(config) as db:
        deployment.live(db, config, NOW, deployment.trouble, step=600.0)
        incident = states.open_incidents(db)["db"]
        states.save_incident(db, incident._replace(recovery="", held_by=None))
        text = said(rendered(db, config, NOW))
        assert "waits for your word" in text and "Say so with heartbeat recover --component db" in text
        assert "nothing: no recovery steps are configured for it" in text, "the host"
        for outcome, level in (("refused", "bad"), ("held", "dim"), ("working", "warn"), ("lost", "dim")):
            one = recoveries.of_incident(db, incident.id)[0]._replace(outcome=outcome, requested_by="ann")
            recoveries.save(db, one._replace(detail=f"because of {outcome}"))
            made = rendered(db, config, NOW)
            assert f"because of {outcome}" in said(made) and "asked for by ann" in said(made)
            assert re.search(rf'<li class="{level}">(?:(?!</li>).)*because of {outcome}', made)


def test_a_page_made_of_the_spool_says_so(tmp_path: Path) -> None:
    config = deployment.config(tmp_path)
    with deployment.store(config) as db:
        deployment.live(db, config, NOW, deployment.calm, step=600.0, span=3600.0)
        db.run("INSERT INTO heartbeat_degraded VALUES ('d', 'me', ?, 'refused', NULL)", (NOW - 600,))
        assert "the store is away since 18:56" in said(rendered(db, config, NOW))


def test_components_stand_under_their_own_group_or_their_kind(tmp_path: Path) -> None:
    named = deployment.tables(tmp_path)["components"]
    for id_ in ("main", "db"):
        named[id_]["group"] = "Shop <b>"
    made = page(deployment.config(tmp_path, components=named), deployment.calm)
    groups = re.findall(r'<details class="card group ok" id="([\w-]+)"[^>]*>\s*<summary><h3>([^<]+)</h3>', made)
    assert groups[0] == ("own-0", "Shop &lt;b&gt;") and ("g-agent", "Agents") in groups and len(groups) == 5
    shop = made.split('<details class="card group')[1]
    assert 'id="c-main" data-kind="agent"' in shop and 'id="c-db" data-kind="database"' in shop


def test_the_worst_of_a_group_comes_first_and_big_healthy_groups_are_folded(tmp_path: Path) -> None:
    components = {f"c{n:02d}": {"kind": "tcp", "host": "localhost", "port": 1000 + n} for n in range(50)}
    components |= {f"s{n}": {"kind": "service", "unit": f"s{n}.service"} for n in range(5)}

    def one_bad(id_: str, ago: float, chance: Any) -> Reading:
        return Reading("error", None, "refused") if id_ == "c31" else Reading("healthy", 0.01)

    made = page(deployment.config(tmp_path, components=components), one_bad)
    rows = re.findall(r'<tr role="row" class="(\w+)" id="c-(\w+)"', made)
    assert rows[0] == ("bad", "c31") and len(rows) == 55
    assert re.search(r'id="g-tcp" open>', made) and re.search(r'id="g-service">', made)
    trouble, _, rest = made.partition('<details class="rest">')
    assert 'id="c-c31"' in trouble and 'id="c-c30"' in rest and "49 healthy" in said(rest)


@pytest.mark.parametrize(
    ("share", "shown"), [(1.0, "100 %"), (0.99999, "99.99 %"), (0.9, "90.00 %"), (0.0, "0.00 %"), (None, "-")]
)
def test_a_share_is_never_rounded_up(share: float | None, shown: str) -> None:
    assert percent(share) == shown


def test_drawings_stay_inside_their_frame_and_break_where_nothing_was_measured() -> None:
    line = charts.spark([0.1, None, 0.5, 5000.0, 0.2])
    assert line.line.count("M") == 2, "a gap is a gap"
    points = re.findall(r"([\d.]+) ([\d.]+)", line.line)
    assert all(0 <= float(x) <= charts.SPARK_WIDTH and 0 <= float(y) <= charts.SPARK_HEIGHT for x, y in points)
    assert (line.low, line.high) == (0.1, 5000.0)
    assert charts.spark([None, None]).last is None
    _, paths = charts.bar(["ok", "bad", "ok"])
    assert paths["ok"].count("M") == 2 and paths["bad"].count("M") == 1


HOSTILE = (
    '<script>document.title="owned"</script>',
    '"><img src=x onerror="document.title=\'owned\'">',
    "</title></style></textarea><svg onload=document.title='owned'>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202eevil\u2028\x1b[31m\x00",
    "javascript:alert(1)",
    "a" * 3000,
)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """An address that a page must never ask, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path in ("/beacon", "/css"):  # others on this machine may be looking for health addresses
                asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def _printable(text: str) -> str:
    """The configuration refuses the rest."""
    return "".join(char for char in text if char.isprintable())


def hostile(folder: Path, address: str = "http://127.0.0.1:9") -> tuple[Config, str]:
    """A deployment whose every text is an attack, and its page."""
    attacks = [*HOSTILE, f"<img src={address}/beacon><link rel=stylesheet href={address}/css>"]
    components: dict[str, Any] = {
        f"h{n}": {"kind": "tcp", "name": _printable(text), "host": "localhost", "port": 1000 + n}
        for n, text in enumerate(attacks)
    }
    components["db"] = {"kind": "database", "dsn": "postgresql://app:hunter2-secret@localhost/app"}

    def bad(id_: str, ago: float, chance: Any) -> Reading:
        text = "login app:hunter2-secret failed" if id_ == "db" else attacks[int(id_[1:])]
        return Reading("error", None, text, evidence={"body": text})

    title = {"title": HOSTILE[0], "file": str(folder / "page.html")}
    config = deployment.config(folder, components=components, dashboard=title, heartbeat={"observer": HOSTILE[1]})
    return config, page(config, bad)


def test_what_components_say_is_escaped_and_redacted(tmp_path: Path) -> None:
    _, made = hostile(tmp_path)
    found = parsed(made)
    assert [tag for tag, _ in found.tags].count("script") == 1
    assert not [tag for tag, _ in found.tags if tag in ("img", "iframe", "object", "base", "form")]
    for tag, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (tag, attributes)
        link = attributes.get("href") or "#"
        assert link.startswith(("#", "data:image/svg+xml")), link
    assert "hunter2-secret" not in made and "login app:••• failed" in said(made)
    assert "{{ 7 * 7 }}" in said(made), "a template is not rendered twice"
    assert not re.search(r"[\x00-\x08\x1b\u202e\u2028]", made)
    assert "a" * 500 not in made, "long texts are cut"


def test_the_page_names_no_other_address_and_lets_only_its_own_script_and_style_in(tmp_path: Path) -> None:
    made = page(deployment.config(tmp_path), deployment.trouble)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', made)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in html.unescape(policy[1]).split("; "))
    assert rules["default-src"] == "'none'" and rules["base-uri"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/]+='", rules["script-src"])
    assert re.fullmatch(r"'sha256-[\w+/]+='", rules["style-src"])
    addresses = [a for a in re.findall(r"https?://[^\s\"'<]+", made) if a != "http://www.w3.org/2000/svg"]
    assert addresses == []


def test_a_file_of_ones_own_takes_the_place_of_ours_and_is_escaped_all_the_same(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "dashboard.css").write_text("body { color: rebeccapurple }\n")
    config = deployment.config(tmp_path, heartbeat={"templates": str(own)})
    made = page(config, deployment.calm)
    assert "rebeccapurple" in made and "All components are healthy" in said(made)
    (own / "dashboard.html.j2").write_text("<p>{{ verdict.text }} {{ title }}</p>")
    config = config._replace(dashboard=config.dashboard._replace(title="<b>"))
    with deployment.store(config) as db:
        assert rendered(db, config, NOW).endswith("&lt;b&gt;</p>")


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("<p>\n{{ nonsense }}", "line 2: UndefinedError: 'nonsense' is undefined"),
        ("{% for %}", "line 1: "),
        ("\n\n{{ 1 / 0 }}", "line 3: ZeroDivisionError: division by zero"),
        ("{% include 'gone.j2' %}", "template gone.j2 is missing in "),
    ],
)
def test_a_broken_template_is_one_plain_line(tmp_path: Path, template: str, complaint: str) -> None:
    (tmp_path / "page.html.j2").write_text(template)
    with pytest.raises(HeartbeatError) as caught:
        templates.render("page.html.j2", {}, str(tmp_path))
    assert complaint in str(caught.value) and "\n" not in str(caught.value)


def test_a_template_is_compiled_once_where_nobody_else_can_write(tmp_path: Path) -> None:
    own, keep = tmp_path / "own", tmp_path / "state/compiled"
    own.mkdir()
    keep.parent.mkdir(0o700)
    page_ = own / "page.html.j2"

    def made(text: str) -> tuple[str, list[tuple[str, int]]]:
        page_.write_text(text)
        out = templates.render("page.html.j2", {"a": "<b>"}, str(own), keep)
        return out, [(one.name, one.stat().st_ino) for one in keep.glob("*")]

    first, files = made("{{ a }}")
    assert first == "&lt;b&gt;" and len(files) == 1
    assert made("{{ a }}") == (first, files), "taken from there"
    changed, later = made("{{ a }}!")
    assert changed == "&lt;b&gt;!" and len(later) == 1 and later != files, "a changed template is compiled anew"
    for open_, mode in ((keep, 0o777), (keep.parent, 0o777)):
        open_.chmod(mode)
        assert made("{{ a }}?") == ("&lt;b&gt;?", later), "what others can write there is neither run nor trusted"
        open_.chmod(0o700)
    assert templates.render("page.html.j2", {"a": "x"}, str(own), tmp_path / "none/compiled") == "x?"


def test_a_browser_shows_a_hostile_page_without_running_or_asking_anything(
    tmp_path: Path, listener: tuple[str, list[str]]
) -> None:
    address, asked = listener
    _, made = hostile(tmp_path, address)
    file = tmp_path / "page.html"
    file.write_text(made, encoding="utf-8")
    seen = chromium.open_page(file)
    assert "<title>owned" not in seen.dom and 'id="stale-age">(' in seen.dom
    assert seen.console == []
    assert asked == []


def test_a_browser_calls_an_old_page_old_and_a_fresh_one_fresh(tmp_path: Path) -> None:
    made = page(deployment.config(tmp_path), deployment.calm)
    seen = {}
    for name, age in (("fresh", 0), ("old", 7200)):
        file = tmp_path / f"{name}.html"
        written = f'data-written="{time.time() - age:.0f}"'
        file.write_text(re.sub(r'data-written="\d+"', written, made), encoding="utf-8")
        seen[name] = chromium.open_page(file)
        assert seen[name].console == []
    assert "<title>⚠ All components are healthy" in seen["old"].dom and 'class="is-stale"' in seen["old"].dom
    assert "heartbeat has not written it since 2026-11-18 19:06:40 (2 hours ago)" in said(seen["old"].dom)
    assert "<title>All components are healthy" in seen["fresh"].dom and "is-stale" not in _tags(seen["fresh"].dom)
    assert re.search(r'id="stale"[^>]* hidden', seen["fresh"].dom)


def _tags(dom: str) -> str:
    return str(parsed(dom).tags)


def test_the_filter_and_the_switch_hide_what_is_not_wanted(tmp_path: Path) -> None:
    """A second script, let in by its own hash, does what a reader's hands would do."""
    made = page(deployment.config(tmp_path), deployment.trouble)
    assert 'id="find" hidden' in made, "without a script there is no box that does nothing"
    typed = chromium.open_page(_with_hands(tmp_path, made, 'set("filter", "weather agents")')).dom
    assert _visible(typed) == ["weather"]
    assert "shown: 1" in said(typed)
    switched = chromium.open_page(_with_hands(tmp_path, made, 'hand("only").click()')).dom
    assert "shown: 5" in said(switched)


def _with_hands(folder: Path, made: str, action: str) -> Path:
    script = (
        "const hand = (id) => document.getElementById(id);"
        'const set = (id, text) => { hand(id).value = text; hand(id).dispatchEvent(new Event("input")); };'
        f"{action};"
    )
    allowed = templates.Inline(script).hash
    file = folder / "hands.html"
    made = made.replace("script-src '", f"script-src '{allowed}' '", 1)
    file.write_text(made.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    return file


def _visible(dom: str) -> list[str]:
    rows = [
        attributes
        for tag, attributes in parsed(dom).tags
        if tag == "tr" and (attributes.get("id") or "").startswith("c-")
    ]
    return [str(row["id"])[2:] for row in rows if "hidden" not in row]


# --- what several hosts look at ---


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Callable[..., Hosts]]:
    """Two hosts over one store, or as many as have a letter."""
    url = f"sqlite:///{tmp_path}/store.db"
    with closing(opened(url)) as db:
        yield lambda names="ab", **more: Hosts(db, url, tmp_path, names, **more)


def shown(them: Hosts, name: str = "a") -> str:
    return rendered(them.db, them.scenes[name].config, them.now)


def test_what_fails_unconfirmed_is_trouble_on_top_and_in_its_own_words(hosts: Callable[..., Hosts]) -> None:
    two = hosts(quorum=3)
    two.round(5, a="error", b="error")
    made = shown(two)
    assert "1 of 1 components failing, not confirmed" in said(made) and 'class="verdict bad"' in made
    assert "fails, not confirmed: 2 of 2 hosts see it fail (quorum 3)" in said(made)
    assert "Needs a person" in said(made) and "All work" not in said(made) and "not known" not in said(made)
    found = board.read(two.db, two.scenes["a"].config, HONG_KONG, two.now)
    assert ">1 not confirmed<" in badges.pictures(found, two.scenes["a"].config, two.now)["_all.svg"]


def test_what_the_hosts_see_fail_is_no_good_news_before_it_is_a_fault(hosts: Callable[..., Hosts]) -> None:
    two = hosts()
    two.round(2, a="healthy", b="healthy")
    two.check("a", "healthy")
    two.now += 31
    two.check("a", "error")
    two.check("b", "error")
    assert two.state.state in ("healthy", "suspect")
    text = said(shown(two))
    assert "1 of 1 components to watch" in text and "All work" not in text and "Suspect" in text


def test_a_suspect_is_not_said_to_work(hosts: Callable[..., Hosts]) -> None:
    one = hosts("a")
    one.round(a="healthy")
    one.round(a="error")
    assert "1 of 1 components to watch" in said(shown(one)) and 'class="votes"' not in shown(one)
    one.round(a="degraded")
    assert "All work; 1 of 1 to watch" in said(shown(one))


def test_a_fault_whose_healer_is_gone_is_shown_to_need_a_person(hosts: Callable[..., Hosts]) -> None:
    two = hosts(quorum=1, recovery={"ladder": [{"action": "command", "command": ["true"]}]}, healer="b")
    two.round(2, a="healthy", b="healthy")
    two.round(4, a="error", b="error")
    assert "Needs a person" not in said(shown(two))
    two.round(14, a="error")
    two.scenes["a"].now = two.now
    two.scenes["a"].recover()
    text = said(shown(two))
    assert "Needs a person" in text and "its healer b has made no pass since" in text


def test_ages_count_on_in_the_page_and_without_script_a_time_stands(tmp_path: Path) -> None:
    now = time.time()
    made = page(deployment.config(tmp_path), deployment.trouble, now=now)
    assert not re.search(r"\d (s|min) ago", said(made)), "it would be wrong in a minute"
    moments = re.findall(r'<time class="since"[^>]*>([^<]*)</time>', made)
    assert moments and all(re.fullmatch(r"(\d\d-\d\d )?\d\d:\d\d", moment) for moment in moments)
    file = tmp_path / "page.html"
    file.write_text(made, encoding="utf-8")
    first = said(chromium.open_page(file).dom)
    # Twenty seconds of the page's own time: what was written before they began has become older by them.
    later = chromium.open_page(file, seconds=20).dom
    (age,) = re.findall(r'id="age"> \((\d+) seconds? ago\)', later)
    assert int(age) >= 19
    assert re.search(r"Last pass \d+ seconds ago", first), first
    (passed,) = re.findall(r"Last pass (\d+) seconds ago", said(later))
    assert int(passed) >= 19
    assert re.search(r"Since (\d\d-\d\d )?\d\d:\d\d for \d+ (min|hr)", first)


def test_a_component_lists_who_sees_what(hosts: Callable[..., Hosts]) -> None:
    three = hosts("abc")
    three.round(3, a="healthy", b="healthy", c="error")
    made = shown(three)
    assert re.search(r"a healthy \d\d:\d\d b healthy \d\d:\d\d c error: c got error \d\d:\d\d", said(made))
    assert '<details class="votes">' in made, "folded where they agree that it is well"


def test_the_hosts_are_shown_where_there_are_several_the_silent_ones_first(hosts: Callable[..., Hosts]) -> None:
    three = hosts("abc")
    three.round(a="healthy", b="healthy")
    assert "c watching" not in said(shown(three))
    three.round(2, a="healthy", b="healthy", c="healthy")
    three.round(14, a="healthy", c="healthy")
    text = said(shown(three))
    found = re.search(r"Hosts that watch b silent since 12:01 Last pass 12:\d\d", text)
    assert found and text.index("b silent since") < text.index("a watching") < text.index("c watching")
    assert re.search(r"c watching Last pass 12:\d\d 1 component ", text)


def test_one_host_alone_has_no_list_of_hosts(hosts: Callable[..., Hosts]) -> None:
    one = hosts("a")
    one.round(2, a="healthy")
    assert "Hosts that watch" not in said(shown(one))


def test_a_step_names_its_host_where_there_are_several(hosts: Callable[..., Hosts]) -> None:
    two = hosts("ab", recovery={"ladder": [{"action": "command", "command": ["true"]}]})
    two.round(5, a="error", b="error")
    two.scenes["b"].now = two.now
    two.scenes["b"].recover("web", forced=True)
    assert "command on b" in said(shown(two))
