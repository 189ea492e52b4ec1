"""Sockets of the wire: as many as the system allows, in processes of their own whose limits are known."""

import json
import re
import subprocess
import sys

from heartbeat_cli.http.multi import CUT_SHORT, NOT_ASKED
from heartbeat_cli.http.sockets import Sockets
from tests.parts import hostile
from tests.parts.hostile import hostile_server
from tests.parts.http import healthy_server

# Soft and hard limit, seconds of the deadline, then (how many, their address, their timeout) of each sort; says how
# each ended, in that order, and what the limit is afterwards.
_DRIVE = """
import json, resource, sys, time
soft, hard, within, *sorts = json.loads(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from heartbeat_cli.http.multi import Exchange, drive
from heartbeat_cli.domain.checking.exchange import Request
asked = [(url, timeout) for count, url, timeout in sorts for _ in range(count)]
many = [Exchange(str(n), Request(url), timeout) for n, (url, timeout) in enumerate(asked)]
ended = {one.key: [] for one in many}
def done(exchange, answer):
    ended[exchange.key].append(answer.fault.text if answer.fault else "well")
drive(many, deadline=time.monotonic() + within, done=done)
print(json.dumps([list(ended.values()), resource.getrlimit(resource.RLIMIT_NOFILE)]))
"""
_PLACES = 64  # of a process that may open 832 files
_MORE = 40  # than there are places for


def drive(*what: object) -> tuple[list[str], list[int]]:
    done = subprocess.run(
        [sys.executable, "-c", _DRIVE, json.dumps(what)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    ended, limits = json.loads(done.stdout)
    assert all(len(one) == 1 for one in ended), "each ends once"
    return [one for (one,) in ended], limits


def test_the_soft_limit_is_raised_while_there_are_many_and_lowered_again() -> None:
    with hostile_server(hostile.silent) as mute, healthy_server() as good:
        ended, limits = drive(512, 1_500, 10, (300, mute.url, 4.0), (5, good.url, 4.0))
        assert mute.most_at_once >= 300, "nobody waits for a place, though hundreds hang"
    assert ended[300:] == ["well"] * 5
    assert all(text.startswith("no answer within 4.0 s") for text in ended[:300])
    assert limits == [512, 1_500]


def test_no_more_are_open_than_the_system_allows() -> None:
    with hostile_server(hostile.silent) as mute:
        ended, _ = drive(832, 832, 10, (_PLACES + _MORE, mute.url, 0.5))
        # Discoveries that other tests make ask every server of this host: some more may be theirs.
        assert _PLACES <= mute.most_at_once < _PLACES + _MORE
    assert all(text.startswith("no answer within 0.5 s") for text in ended)


def test_who_is_asked_late_is_not_blamed() -> None:
    """All places are taken for a second; who comes after that gets half a second of the second it was promised."""
    with hostile_server(hostile.silent) as mute, healthy_server() as good:
        ended, _ = drive(832, 832, 1.5, (_PLACES, mute.url, 1.0), (1, good.url, 1.0), (3, mute.url, 1.0))
    assert all(text.startswith("no answer within 1.0 s") for text in ended[:_PLACES])
    assert ended[_PLACES:] == ["well", *[CUT_SHORT.text] * 3]


def test_who_is_never_asked_is_not_blamed_either() -> None:
    """Long enough that a slow machine, too, has asked all that have a place in the first tenth of it: who is asked
    later than that is not blamed for his silence."""
    with hostile_server(hostile.silent) as mute:
        ended, _ = drive(832, 832, 4.0, (_PLACES, mute.url, 60.0), (3, mute.url, 60.0))
    assert all(re.match(r"no answer within (3\.\d|4\.0) s", text) for text in ended[:_PLACES]), ended
    assert ended[_PLACES:] == [NOT_ASKED.text] * 3


def test_a_few_change_no_limit() -> None:
    sockets = Sockets()
    sockets.open(5)
    assert sockets.most == _PLACES
    sockets.close()
