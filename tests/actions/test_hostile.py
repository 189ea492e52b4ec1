"""Nothing that a name holds can become part of a command: what is not plainly a name is refused before anything runs,
and what is one stays a single argument."""

import os
import tomllib
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heartbeat_cli.actions import command, docker, script, systemd
from heartbeat_cli.config import load
from heartbeat_cli.domain.kinds import systemd as words
from heartbeat_cli.errors import ConfigError

HOSTILE = (
    "; rm -rf /",
    "$(touch /tmp/x)",
    "`id`",
    "a\nb",
    "a\n",
    "a\0b",
    "--force",
    "-H",
    "../etc/passwd",
    "a/b",
    "a b",
    "a%2fb",
    "a?b=c",
    "a#b",
    "*",
    "",
    " ",
    "é",
    "a" * 300,
)
ASCII = "".join(map(chr, range(128)))
names = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(),
    st.text(ASCII, max_size=40),
    st.from_regex(r"[A-Za-z0-9_.@:\\-]{1,30}", fullmatch=True),
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused_before_anything_runs(name: str, tmp_path: Any) -> None:
    """Nothing is there that could be run or asked: `refused` says that nobody tried."""
    nowhere = ("/no/such/systemctl",)
    assert systemd.run(systemd.Settings(name, systemctl=nowhere), timeout=1).result == "refused"
    assert systemd.hold(systemd.Settings(name, systemctl=nowhere), timeout=1) is None
    assert systemd.happened(systemd.Settings(name, systemctl=nowhere), 0.0, timeout=1) is None
    assert script.run(script.Settings(name, str(tmp_path)), timeout=1).result == "refused"
    if len(name) < 300:  # a long name of letters is a name
        engine = f"unix://{tmp_path}/none.sock"
        assert docker.run(docker.Settings(name, host=engine), timeout=1).result == "refused"
        assert docker.hold(docker.Settings(name, host=engine), timeout=1) is None


@given(names, st.booleans(), st.sampled_from(("restart", "reset-failed")))
@example("a.service\n", True, "restart")
def test_a_unit_name_is_one_argument_and_no_option(unit: str, sudo: bool, verb: str) -> None:
    if words.problems(unit, ("systemctl",)):
        return
    argv = words.privileged(("systemctl",), False, sudo, unit, verb)
    fixed = ["sudo", "-n", "systemctl", verb] if sudo else words.command(("systemctl",), False, verb, "--")
    assert argv[:-1] == fixed
    assert argv[-1] in (unit, f"{unit}.service")
    assert not argv[-1].startswith("-")
    assert not set(argv[-1]) & set(" \t\n\0/*?[]$`;&|<>(){}'\"")


@pytest.mark.whole
@given(names)
@example("a\n")
def test_a_container_name_is_one_part_of_an_address(name: str) -> None:
    if not docker.problems(docker.Settings(name)):
        assert quote(name, safe="") == name
        assert name not in (".", "..")
        assert not name.startswith("-")


@given(names)
@example("..")
def test_a_script_stays_in_its_folder(name: str) -> None:
    if not script.problems(script.Settings(name)):
        path = os.path.normpath(os.path.join("/scripts", name))
        assert (os.path.dirname(path), os.path.basename(path)) == ("/scripts", name)


def test_hostile_arguments_reach_the_program_unread() -> None:
    hostile = [word for word in HOSTILE if "\0" not in word]
    outcome = command.run(command.Settings(("/bin/sh", "-c", "echo $#", "sh", *hostile)), timeout=10)
    assert outcome.output == str(len(hostile))


@pytest.mark.parametrize("id_", HOSTILE)
def test_a_hostile_id_never_reaches_a_ladder(id_: str) -> None:
    """`{id}` is the only thing that is filled into a step, and only a plain id is one."""
    quoted = '"' + "".join(f"\\u{ord(char):04x}" for char in id_) + '"'
    text = f'[components.{quoted}]\nkind = "agent"\nurl = "http://127.0.0.1:1/"\n'
    with pytest.raises(ConfigError):
        load.load(tomllib.loads(text), "heartbeat.toml")
