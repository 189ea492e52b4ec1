"""Sources, each against the real thing: what is read, and that nothing can hang or flood."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.result import CheckContext
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _sources
from heartbeat_cli.monitors._sources import (
    FileSource,
    JsonSource,
    PrometheusSource,
    RedisSource,
    Source,
    SqlSource,
)
from tests.parts import hostile, redis
from tests.parts.http import Answer, Server, healthy_server
from tests.parts.postgres import Server as Postgres

NOW = 1_800_000_000.0


def number(timeout: float = 5.0, **source: Any) -> float:
    return _sources.read({"it": Source(**source)}, CheckContext("x", timeout, NOW))["it"]


def why_not(timeout: float = 5.0, **source: Any) -> str:
    with pytest.raises(Unobservable) as raised:
        number(timeout, **source)
    return str(raised.value).removeprefix("cannot read it: ")


@pytest.fixture
def server() -> Iterator[Server]:
    with healthy_server() as running:
        yield running


# --- HTTP


JOBS = (
    b'{"done": 7, "text": "12.5", "queues": {"a": {"n": 1}, "b": {"n": 2}}, "nothing": null, "flag": true, "list": []}'
)


@pytest.mark.parametrize(
    ("path", "agg", "value"),
    [
        ("done", None, 7),
        ("text", None, 12.5),
        ("queues.*.n", None, 3),
        ("queues.*.n", "max", 2),
        ("queues.length()", None, 2),
        ("flag", None, 1),
        ("list.*", "count", 0),
    ],
)
def test_json(server: Server, path: str, agg: Any, value: float) -> None:
    server.answer = Answer(200, JOBS)
    assert number(json=JsonSource(server.url, path, agg, {"X-Key": "k"})) == value
    assert server.seen[0].headers["x-key"] == "k"


@pytest.mark.parametrize(
    ("answer", "path", "why"),
    [
        (Answer(200, JOBS), "more", "more is missing"),
        (Answer(200, JOBS), "nothing", "nothing is missing"),
        (Answer(200, JOBS), "list", "list is missing"),
        (Answer(200, JOBS), "queues", 'queues is {"a": {"n": 1}, "b": {"n": 2}}, not a number'),
        (Answer(200, b'{"done": NaN}'), "done", "the number is nan"),
        (Answer(200, b"<html>"), "done", "the answer is not JSON"),
        (Answer(500, b'{"error": "no disk"}'), "done", "HTTP 500 Internal Server Error: no disk"),
        (Answer(200, b" " * 5_000_000), "done", "the answer is longer than 1,048,576 bytes"),
    ],
)
def test_json_that_cannot_be_read(server: Server, answer: Answer, path: str, why: str) -> None:
    server.answer = answer
    assert why_not(json=JsonSource(server.url, path)) == why


def test_prometheus(server: Server) -> None:
    server.answer = Answer(200, b'a{q="x"} 1\na{q="y"} 2\n')
    assert number(prometheus=PrometheusSource(server.url, "a")) == 3
    assert number(prometheus=PrometheusSource(server.url, "a", {"q": "y"})) == 2
    assert number(prometheus=PrometheusSource(server.url, "a", agg="avg")) == 1.5
    assert why_not(prometheus=PrometheusSource(server.url, "b")) == "b is missing"
    server.answer = Answer(200, b"a 1\n" * 20_001)
    assert why_not(prometheus=PrometheusSource(server.url, "a")) == "a has more than 20,000 series"
    server.answer = Answer(200, b"a 1\n" * 1_100_000)
    assert why_not(prometheus=PrometheusSource(server.url, "a")) == "the answer is longer than 4,194,304 bytes"


TOTAL = b"# HELP done_total Jobs that are done.\n# TYPE done_total counter\n"


@pytest.mark.parametrize("page", [TOTAL, b"#  TYPE\tdone counter\n", TOTAL + b'done_total_more{q="x"} 4\n'])
def test_a_counter_that_has_counted_nothing_yet_is_0(server: Server, page: bytes) -> None:
    """A counter with labels has no series before its first event; OpenMetrics declares it without `_total`."""
    server.answer = Answer(200, page)
    for metric in ("done_total", "done"):
        assert number(prometheus=PrometheusSource(server.url, metric)) == 0
        assert number(prometheus=PrometheusSource(server.url, metric, {"q": "x"}, "sum")) == 0
        assert why_not(prometheus=PrometheusSource(server.url, metric, agg="max")) == f"{metric} is missing"


@pytest.mark.parametrize(
    "page",
    [
        TOTAL.replace(b"counter", b"gauge"),
        TOTAL.replace(b"TYPE", b"HELP"),
        TOTAL.replace(b"# TYPE", b"x # TYPE"),
        TOTAL + b'done_total{q="y"} 4\n',
    ],
    ids=["gauge", "no type", "no line of its own", "series without the label"],
)
def test_any_other_metric_without_a_series_is_missing(server: Server, page: bytes) -> None:
    """A gauge that is not there may be anything, and a label that selects nothing may be misspelt."""
    server.answer = Answer(200, page)
    assert why_not(prometheus=PrometheusSource(server.url, "done_total", {"q": "x"})) == "done_total is missing"


def test_nobody_there_and_nobody_who_answers() -> None:
    port = hostile.unused_port()
    assert why_not(json=JsonSource(f"http://127.0.0.1:{port}/", "a")) == f"connection refused by 127.0.0.1:{port}"
    with hostile.hostile_server(hostile.silent) as mute:
        assert why_not(0.5, json=JsonSource(mute.url, "a")).startswith("no answer within")


def test_secrets_do_not_go_to_another_host(server: Server) -> None:
    """A redirect leads to no other host; to another port of the same one the headers do not go along."""
    with healthy_server(Answer(200, JOBS)) as other:
        server.answer = Answer(302, b"", (("Location", other.url),))
        number(json=JsonSource(server.url, "done", headers={"X-Api-Key": "hunter2"}))
        assert "x-api-key" not in other.seen[0].headers
        server.answer = Answer(302, b"", (("Location", other.url.replace("127.0.0.1", "localhost")),))
        why_not(json=JsonSource(server.url, "done"))
        assert other.found == []


# --- SQL


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as running:
        yield running


def sql(postgres: Postgres, query: str) -> Source:
    return Source(sql=SqlSource(f"postgresql://postgres@127.0.0.1:{postgres.port}/postgres", query))


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("SELECT 5", 5),
        ("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'pg_clas%';", 1),
        ("SELECT sum(n::bigint) FROM generate_series(1, 4) n", 10),
        ("SELECT 1.25::numeric", 1.25),
        ("SELECT true", 1),
        ("SELECT current_setting('transaction_read_only') = 'on'", 1),
    ],
)
def test_sql(postgres: Postgres, query: str, value: float) -> None:
    assert number(**sql(postgres, query)._asdict()) == value


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT NULL", "the query gives NULL, not a number"),
        ("SELECT 'a'", 'the query gives "a", not a number'),
        ("SELECT 1, 2", "the query gives 1 rows of 2 columns, not one number"),
        ("SELECT 1 WHERE false", "the query gives 0 rows of 1 columns, not one number"),
        ("SELECT 'NaN'::numeric", "the number is nan"),
    ],
)
def test_sql_that_gives_no_number(postgres: Postgres, query: str, why: str) -> None:
    assert why_not(**sql(postgres, query)._asdict()) == why


@pytest.mark.whole
@pytest.mark.postgres
def test_sql_writes_nothing_and_ends_in_time(postgres: Postgres) -> None:
    assert "cannot execute CREATE TABLE in a read-only transaction" in why_not(
        **sql(postgres, "CREATE TABLE t (n int)")._asdict()
    )
    assert "statement timeout" in why_not(1.0, **sql(postgres, "SELECT pg_sleep(60)")._asdict())
    flood = why_not(**sql(postgres, "SELECT repeat('x', 100000000)")._asdict())
    assert "sent more than 65,536 bytes for one query" in flood


def test_sql_that_does_not_answer() -> None:
    port = hostile.unused_port()
    dsn = f"postgresql://me:hunter2@127.0.0.1:{port}/a"
    said = why_not(sql=SqlSource(dsn, "SELECT 1"))
    assert "connection refused" in said.lower() and "hunter2" not in said


# --- Redis


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    with redis.running(tmp_path_factory.mktemp("redis"), password="hunter2") as server:
        for words in (
            ("RPUSH", "queue", "a", "b", "c"),
            ("SET", "done", "41"),
            ("SET", "word", "many\nmore"),
            ("SET", "big", "x" * 2_000),
            ("XADD", "stream", "*", "k", "v"),
        ):
            assert not server.ask(*words).startswith(b"-")
        yield server


def ask(store: redis.Redis, *words: str, **keys: Any) -> Source:
    return Source(redis=RedisSource(words, port=store.port, **{"password": store.password, **keys}))


@pytest.mark.parametrize(
    ("words", "keys", "value"),
    [
        (("LLEN", "queue"), {}, 3),
        (("LLEN", "none"), {}, 0),
        (("GET", "done"), {}, 41),
        (("XLEN", "stream"), {}, 1),
        (("DBSIZE",), {}, 5),
        (("DBSIZE",), {"db": 3}, 0),
        (("GET", "done"), {"user": "default"}, 41),
        (("info", "keyspace"), {"field": "db0"}, None),
        (("INFO", "clients"), {"field": "connected_clients"}, 1),
        (("STRLEN", "big"), {}, 2000),
    ],
)
def test_redis(store: redis.Redis, words: tuple[str, ...], keys: dict[str, Any], value: float | None) -> None:
    source = ask(store, *words, **keys)
    if value is None:
        assert "not a number" in why_not(**source._asdict())
    else:
        assert number(**source._asdict()) == value


@pytest.mark.parametrize(
    ("words", "keys", "why"),
    [
        (("GET", "none"), {}, "redis has no such key"),
        (("GET", "word"), {}, 'redis answers "many more", not a number'),
        (("LLEN", "done"), {}, "redis answers: WRONGTYPE Operation against a key holding the wrong kind of value"),
        (("LRANGE", "queue", "0", "-1"), {}, "redis answers a list, not a number"),
        (("GET", "done"), {"password": None}, "redis answers: NOAUTH Authentication required."),
        (("GET", "done"), {"db": 99}, "redis answers: ERR DB index is out of range"),
        (("INFO",), {"field": "nothing"}, "redis: INFO has no field nothing"),
    ],
)
def test_redis_that_gives_no_number(store: redis.Redis, words: tuple[str, ...], keys: dict[str, Any], why: str) -> None:
    assert why_not(**ask(store, *words, **keys)._asdict()) == why


def test_a_wrong_password_is_not_shown(store: redis.Redis) -> None:
    said = why_not(**ask(store, "GET", "done", password="sesame")._asdict())
    assert said.startswith("redis answers: WRONGPASS") and "sesame" not in said


def test_a_redis_whose_memory_is_full_still_answers(tmp_path: Path) -> None:
    with redis.running(tmp_path, "--maxmemory", "1") as full:
        assert full.ask("SET", "a", "1").startswith(b"-OOM")
        assert number(**ask(full, "DBSIZE")._asdict()) == 0


@contextmanager
def peer(*says: bytes, pause: float = 0.0) -> Iterator[int]:
    """A server that says this to whoever connects, again and again until it is closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            link, _ = listener.accept()
            with link:
                try:
                    link.recv(1024)
                    for one in says:
                        link.sendall(one)
                        time.sleep(pause)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ([b"SSH-2.0-x\r\n"], "what answers there does not speak the protocol of Redis"),
        ([b"x" * 10_000], "what answers there does not speak the protocol of Redis"),
        ([b"$999999999\r\n"], "the answer is longer than 1,048,576 bytes"),
        ([b"$99999999999999999999\r\n"], "what answers there does not speak the protocol of Redis"),
        ([b"$5\r\n12"], "redis closed the connection"),
        ([b":"], "redis closed the connection"),
        ([b":1_0\r\n"], 'redis answers "1_0", not a number'),
        ([b":" + b"9" * 400 + b"\r\n"], f'redis answers "{"9" * 59}…", not a number'),
        ([b"$-1\r\n"], "redis has no such key"),
        ([b"-ERR \x1b[31mred\r\n"], "redis answers: ERR [31mred"),
        ([], "redis closed the connection"),
    ],
)
def test_something_else_than_redis(says: list[bytes], why: str) -> None:
    with peer(*says) as port:
        assert why_not(redis=RedisSource(("GET", "a"), port=port)) == why


@pytest.mark.whole
def test_a_redis_that_drips_or_keeps_silent() -> None:
    with peer(*[b"1"] * 1000, pause=0.05) as port:
        assert why_not(2, redis=RedisSource(("GET", "a"), port=port)) == "redis did not answer in time"
    with hostile.hostile_server(hostile.silent) as mute:
        assert why_not(2, redis=RedisSource(("GET", "a"), port=mute.port)) == "redis did not answer in time"
    port = hostile.unused_port()
    assert (
        why_not(redis=RedisSource(("GET", "a"), port=port)) == f"no connection to 127.0.0.1:{port}: connection refused"
    )


# --- files and programs


def test_files(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("a\nb\nc")
    os.utime(log, (0, 1_700_000_000))
    assert number(file=FileSource(str(log))) == 1_700_000_000
    assert number(file=FileSource(str(log), "size")) == 5
    assert number(file=FileSource(str(log), "lines")) == 2
    assert number(file=FileSource(str(tmp_path))) > 0


def test_files_that_are_none(tmp_path: Path) -> None:
    fifo, large = tmp_path / "fifo", tmp_path / "large"
    os.mkfifo(fifo)
    for what in ("size", "lines"):
        assert why_not(file=FileSource(str(fifo), what)) == f"{fifo} is not a regular file"
        assert why_not(file=FileSource("/dev/zero", what)) == "/dev/zero is not a regular file"
        assert why_not(file=FileSource(str(tmp_path), what)) == f"{tmp_path} is not a regular file"
    assert why_not(file=FileSource(str(tmp_path / "none"))) == f"{tmp_path / 'none'}: no such file or directory"
    with large.open("wb") as file:
        file.truncate(67_108_865)
    assert (
        why_not(file=FileSource(str(large), "lines")) == f'{large} is longer than 67,108,864 bytes; use what = "size"'
    )


@pytest.mark.parametrize(
    ("prints", "value"),
    [
        ("12", 12),
        ("n8n: 49 wait, 3 run", 49),
        ("took 12s, -3.5e1 left", -35),
        ("5 %\n7", 5),
        (".5", 0.5),
        ("1.2.3 4", 4),
    ],
)
def test_the_first_number_of_the_first_line(prints: str, value: float) -> None:
    assert number(command=("printf", "%s", prints)) == value


@pytest.mark.whole
@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("printf", "none\n7"), "printf prints no number in its first line"),
        (("sh", "-c", "echo 5; echo no disk >&2; exit 3"), "sh ended with exit code 3: 5"),
        (("sh", "-c", "echo no disk >&2; exit 3"), "sh ended with exit code 3: no disk"),
        (("/nowhere/count", "hunter2"), "cannot run /nowhere/count: no such file or directory"),
        (("echo", "a\0b"), "cannot run echo: ValueError"),
        (("yes", "5"), "yes did not finish in time"),
    ],
)
def test_a_program_that_gives_no_number(command: tuple[str, ...], why: str) -> None:
    assert why_not(1.0, command=command).lower() == why.lower()


def test_a_program_gets_none_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HB_SECRET", "7")
    assert "prints no number" in why_not(command=("sh", "-c", 'echo "${HB_SECRET:-none}"'))


# --- all of them


def test_sources_are_read_side_by_side(tmp_path: Path) -> None:
    """Each waits until the other has begun."""
    wait = "for n in $(seq 300); do [ -e $2 ] && echo 1 && exit; sleep 0.02; done; exit 1"
    pair = {
        own: Source(command=("sh", "-c", f"touch $1; {wait}", "sh", str(tmp_path / own), str(tmp_path / other)))
        for own, other in (("a", "b"), ("b", "a"))
    }
    assert _sources.read(pair, CheckContext("x", 8.0, NOW)) == {"a": 1.0, "b": 1.0}


def test_one_source_in_time_and_one_not() -> None:
    pair = {"done": Source(command=("echo", "1")), "waiting": Source(command=("sleep", "60"))}
    with pytest.raises(Unobservable, match=r"^cannot read waiting: sleep did not finish in time$"):
        _sources.read(pair, CheckContext("x", 3.0, NOW))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (Source(), ["done: expected one of json, prometheus, sql, redis, file, command; got none"]),
        (
            Source(command=("a",), file=FileSource("/a")),
            ["done: expected one of json, prometheus, sql, redis, file, command; got file and command"],
        ),
        (Source(json=JsonSource("x", "a..b")), ["done.json.url", "done.json.path"]),
        (Source(json=JsonSource("http://h/", "a", headers={"a b": "c"})), ["done.json.headers"]),
        (
            Source(prometheus=PrometheusSource("http://h/", "a b", {"c-d": "e"})),
            ["done.prometheus.metric", "done.prometheus.labels"],
        ),
        (Source(sql=SqlSource("", "")), ["done.sql.dsn", "done.sql.query"]),
        (Source(sql=SqlSource("host=a", "SELECT 1; DELETE FROM t")), ["done.sql.query"]),
        (Source(sql=SqlSource("host=a", "SELECT 1;\n")), []),
        (Source(redis=RedisSource(())), ["done.redis.command"]),
        (
            Source(redis=RedisSource(("GET", "a"), " ", 0, db=-1)),
            ["done.redis.host", "done.redis.port", "done.redis.db"],
        ),
        (Source(redis=RedisSource(("GET", "a"), user="u")), ["done.redis.user"]),
        (Source(redis=RedisSource(("GET", "a"), requirepeer="u")), ["done.redis.requirepeer"]),
        (Source(redis=RedisSource(("info",))), ["done.redis.field"]),
        (Source(redis=RedisSource(("GET", "a"), field="b")), ["done.redis.field"]),
        (Source(file=FileSource("log")), ["done.file.path"]),
        (Source(command=()), ["done.command"]),
    ],
)
def test_mistakes(source: Source, found: list[str]) -> None:
    said = [f"{key}: {text}" for key, text in _sources.problems(source, "done")]
    assert [
        line.partition(": ")[0] if ": " not in wanted else line for line, wanted in zip(said, found, strict=True)
    ] == found


def test_the_host_that_must_be_reached() -> None:
    remote = Source(redis=RedisSource(("GET", "a"), "db.example.org"))
    here = Source(json=JsonSource("http://localhost/", "a"))
    assert _sources.host_of((here, remote)) == "db.example.org"
    assert _sources.host_of((here, None)) == "localhost"
    assert (
        _sources.host_of((Source(sql=SqlSource("postgresql://u:p@pg.example.org/d", "SELECT 1")),)) == "pg.example.org"
    )
    assert _sources.host_of((Source(file=FileSource("/a")), Source(command=("a",)))) is None
