"""What the evidence of a failure names as its main cause."""

import pytest

from heartbeat_cli.domain.kinds.main_cause import Holder, ending


def statement(name: str, state: str, named: str = "application") -> str:
    return ending(Holder(name, "172.18.0.7", 71, 98, state, named))


def test_one_statement_ends_the_sessions_of_who_holds_the_connections() -> None:
    begin = "select pg_terminate_backend(pid) from pg_stat_activity where "
    application = "split_part(application_name, ' - ', 1) = 'chat-api'"
    assert statement("chat-api", "idle") == f"{begin}{application} and state = 'idle';"
    assert statement("chat-api", "active") == f"{begin}{application};"
    assert statement("app", "", "role") == f"{begin}usename = 'app';"


@pytest.mark.parametrize("name", ["it's", "a b", "x; drop table y", 'a"b', "a\nb", "", "名"])
def test_a_name_that_needs_quoting_has_none(name: str) -> None:
    assert statement(name, "idle") == "" == statement("chat-api", "idle", "")
