"""What a message says of hosts that see different things."""

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.views import messages

START = 1_795_000_000.0  # 11:06:40 UTC


def text(type_: str, locale: str = "en", **details: object) -> str:
    base = {"started": START, "observer": "a", "kind": "agent", "cause": "HTTP 502"}
    one = Alert("i/x", type_, "high", "Jobs is down", "jobs", START + 60, "i", "a reason", base | details)
    return messages.message(one, locale, "UTC", []).text


SPLIT = [["a", "healthy", "", START], ["b", "error", "no answer", START], ["c", "unhealthy", "HTTP 502", START + 30]]


def test_the_first_line_has_the_view_of_each_host() -> None:
    lines = text("agent_down", votes=SPLIT).splitlines()
    assert "c: HTTP 502 · b: no answer · a: healthy" in lines and "HTTP 502" not in lines
    assert "Checked by a at 11:06:40, b at 11:06:40, c at 11:07:10" in lines


def test_hosts_that_see_the_same_are_named_together() -> None:
    both = [["a", "unhealthy", "HTTP 502", START], ["b", "unknown", "", START], ["c", "unhealthy", "HTTP 502", START]]
    assert "\na, c: HTTP 502 · b: unknown\n" in text("agent_down", votes=both)
    alike = text("agent_down", votes=[["a", "error", "HTTP 502", START], ["c", "unhealthy", "HTTP 502", START]])
    assert "\nHTTP 502\n" in f"\n{alike}" and "Seen from a at 11:06:40" in alike


def test_many_different_views_are_a_list() -> None:
    many = [[str(n), "error", f"HTTP 50{n}", START] for n in range(6)]
    said = text("agent_down", votes=many)
    assert "\nHTTP 502\n" in f"\n{said}" and "Seen from 5 at 11:06:40: error: HTTP 505" in said and " · 1:" not in said


def test_the_end_says_what_each_host_saw_when_it_began() -> None:
    well = [["a", "healthy", "", START], ["b", "healthy", "", START], ["c", "healthy", "", START]]
    over = text("recovered", votes=well, views_then=SPLIT)
    assert "\nIt was: c: HTTP 502 · b: no answer · a: healthy\n" in f"\n{over}"
