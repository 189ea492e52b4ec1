"""Talk to a PostgreSQL server under a deadline that nothing can overrun: connect, ask, hang up.

The monitor `database` and the action `postgres` stand on it. psycopg2's ordinary connections block inside
libpq: `connect_timeout` counts whole seconds (two at least) and ends with the connect, so a server that
accepts and then hangs holds its caller for ever. Here every connection is asynchronous and waited for with
poll(2) until a monotonic deadline, and what a server sends is bounded (`guarded.py`). Only a name that the resolver
is slow to answer blocks past it.

Whatever goes wrong becomes one `Trouble`: a kind to decide on and one plain line without the password.
"""

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from heartbeat_cli.domain.plain import duration, one_line, port, system_words
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.postgres import casts
from heartbeat_cli.postgres.driver import driver
from heartbeat_cli.postgres.guarded import BoundedConnection, Overrun, Stranger, unusable_file
from heartbeat_cli.redact import redact, worth_hiding

if TYPE_CHECKING:
    from _socket import socket

    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor

TroubleKind = Literal["connect", "timeout", "login", "answered"]
INSUFFICIENT_PRIVILEGE = "42501"
_MOST = 1_048_576  # bytes of an answer, unless the session is told otherwise
_MOST_CONNECTING = 262_144  # bytes until a session is there: certificates, parameters, a refusal
# It does not show what stands there: of a misread address that may be half of a password.
PORTS = Text("a port is a number up to 65,535, one for all hosts or one for each, as in a:5432,b:5433")

# While a connection is made libpq gives text only, never an SQLSTATE, and servers word it in their language.
# Kept uncompiled: only a failure needs them, and every tick would pay.
# Up to the next attempt and no further: a message full of attempts that never fail would be read once for each.
_ATTEMPT = r"connection to server (?:at|on socket) (?:(?!connection to server (?:at|on socket) ).)*? failed: "
_SEVERITY = r"\S{2,20}:  "  # two blanks: only what the server itself said has them
_QUOTED = r'"[^"]*"|«[^»]*»|»[^«]*«'  # names: a database may well be called authentik
_LOGIN_HERE = (
    r"no password supplied|certificate|does not support SSL|authentication method|SCRAM|invalid .*value"
    r"|service(?! not known)|could not match"  # a resolver says `Name or service not known`
)
_LOGIN_THERE = (
    r"pg_hba\.conf|certificate|not permitted to log ?in|permission denied for database"
    r"|unsupported startup parameter|no such (?:user|database)"
    r"|authenti|autenti|인증|認証|认证|認證|驗證|подлинности|автентифік|ავთენტიფიკაცია"
    r"|does not exist|existiert nicht|no existe|n'existe pas|non esiste|存在しません|不存在|없음"
    r"|не существует|не існує|finns inte|existerar inte|არ არსებობს"
)
# Sent ahead of a statement in one message, thus one transaction: nothing stays behind in a session that a pooler hands
# on. A start-up option would be refused by most poolers.
_BOUNDS = "SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = %s; SET LOCAL lock_timeout = %s; "
_OWN_NAMES = "SET LOCAL search_path = pg_catalog, pg_temp; "  # no functions of the database's owner: CVE-2018-1058


class Trouble(Exception):
    """Why there is no result. `connect`: no connection, or it broke. `timeout`: the deadline came first.
    `login`: a server is there, but this DSN does not get in. `answered`: the server answered with an error.
    `code` is the SQLSTATE where the server gave one."""

    def __init__(self, kind: TroubleKind, text: str, code: str | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.code = code


class Session:
    """One connection; a context manager that hangs up without waiting for the server. `most` is how many bytes the
    server may send for one `execute`; `columns` are the names of the last result's columns."""

    def __init__(self, line: BoundedConnection, where: str, secrets: frozenset[str]) -> None:
        self._line = line
        self._connection = line.connection
        self.most = _MOST
        self.columns: tuple[str, ...] = ()
        self.where = where
        self._secrets = secrets
        casts.register(line.connection)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def version(self) -> int:
        """The server's, as a number: 150004 is 15.4."""
        return int(self._connection.server_version)

    @property
    def encoding(self) -> str:
        """The database's, by PostgreSQL's name: "" if the server reports none, UNKNOWN if psycopg2 does not know it."""
        said = self._connection.get_parameter_status("server_encoding") or ""
        return said if said in ("", *driver().extensions.encodings) else "UNKNOWN"

    def rows(self, sql: str, values: Mapping[str, Any] | Sequence[Any] | None = None, *, deadline: float) -> Any:
        """The rows of the last statement in `sql`. After a `timeout` the session is of no further use."""
        cursor = self.execute(sql, values, deadline=deadline)
        try:
            return cursor.fetchall()
        except UnicodeDecodeError as error:
            raise Trouble("answered", Text("{where} sent no {c} text", where=self.where, c=error.encoding)) from None
        except driver().ProgrammingError as error:  # there is no result
            raise self._trouble(error) from None
        except casts.unreadable() as error:
            text = Text("{where} sent a value that cannot be read ({why})", where=self.where, why=type(error).__name__)
            raise Trouble("answered", text) from None

    def execute(
        self, sql: str, values: Mapping[str, Any] | Sequence[Any] | None = None, *, deadline: float
    ) -> "Cursor":
        """Run `sql` and return the cursor that holds the last statement's result."""
        begun = time.monotonic()
        try:
            cursor = self._connection.cursor()
            cursor.execute(sql, values)
            if not self._line.wait(deadline, self.most):
                text = Text("{where} took longer than {t} for a query", where=self.where, t=duration(deadline - begun))
                raise Trouble("timeout", text)
            self.columns = tuple(column.name for column in cursor.description or ())
            if cursor.description is None or cursor.rowcount < 1:
                self._line.count_as_rowless()
        except (Overrun, driver().Error) as error:
            raise self._trouble(error) from None
        return cursor

    def read_as(self, oids: tuple[int, ...], name: str, cast: Callable[[Any, Any], Any]) -> None:
        """Read values of some types (by their oids) through `cast` in this session."""
        extensions = driver().extensions
        extensions.register_type(extensions.new_type(oids, name, cast), self._connection)

    def close(self) -> None:
        """Hang up without waiting for the server."""
        self._line.close()

    def bounded_rows(self, sql: str, values: Sequence[Any] = (), *, deadline: float, of_user: bool = False) -> Any:
        """`rows` of one read-only statement, which the server gives up shortly before the deadline. Its names are
        PostgreSQL's own, unless it is the user's."""
        milliseconds = max(1, int((deadline - time.monotonic()) * 900))
        sql = _BOUNDS + ("" if of_user else _OWN_NAMES) + sql
        return self.rows(sql, (milliseconds, milliseconds, *values), deadline=deadline)

    def _trouble(self, error: Any) -> Trouble:
        if self._line.overrun:  # just now, or before
            self.close()
            return Trouble("answered", Text("{where} sent more than {what}", where=self.where, what=self._line.overrun))
        if error.pgcode is None:
            said = _last_words(redact(str(error), self._secrets))[0]
            return Trouble("connect", Text("the connection to {where} broke: {said}", where=self.where, said=said))
        said = one_line(redact(error.diag.message_primary or str(error), self._secrets))
        return Trouble("answered", Text("{where} answers: {said}", where=self.where, said=said), error.pgcode)


def connect(dsn: str, *, deadline: float, writes: bool = False) -> Session:
    """A session with the first host of the DSN that takes it; each gets an even share of the time left (libpq's own
    `connect_timeout` has no say). `writes`: of several hosts only one that takes writes will do, if the DSN says
    nothing else."""
    hosts = targets(dsn)
    if writes and len(hosts) > 1:
        hosts = [{"target_session_attrs": "read-write"} | target for target in hosts]
    troubles: list[Trouble] = []
    for number, target in enumerate(hosts):
        now = time.monotonic()
        try:
            where = _where(target, len(hosts) > 1)
            return _connect_one(target, where, now + (deadline - now) / (len(hosts) - number))
        except Trouble as trouble:
            troubles.append(trouble)
            if trouble.kind == "login":
                break
    for kind in ("login", "answered", "connect"):
        if found := [trouble for trouble in troubles if trouble.kind == kind]:
            break
    texts = dict.fromkeys(trouble.text for trouble in troubles)
    raise Trouble((found or troubles)[0].kind, joined(texts))


def _connect_one(target: dict[str, str], where: str, deadline: float) -> Session:
    psycopg2 = driver()
    secrets = _passwords(target, target.get("password"), os.environ.get("PGPASSWORD"))
    begun = time.monotonic()
    line = None
    if unusable := unusable_file(target):
        raise Trouble("login", Text("{where} is not asked: {why}", where=where, why=unusable))
    try:
        line = BoundedConnection(psycopg2.connect(**target, async_=True), _check)
        if ":" in line.connection.info.dsn_parameters.get("sslkey", ""):  # an OpenSSL engine; not loaded as yet
            line.close()
            why = Text("sslkey names a library, which would run as heartbeat does")
            raise Trouble("login", Text("{where} is not asked: {why}", where=where, why=why))
        secrets |= _passwords(target, line.connection.info.password)  # libpq's, from ~/.pgpass or a service, too
        if line.wait(deadline, _MOST_CONNECTING):
            return Session(line, where, secrets)
        trouble = Trouble("timeout", Text("{at} did not answer within {t}", at=where, t=duration(deadline - begun)))
    except Overrun as overrun:
        trouble = Trouble("answered", Text("{where} sent more than {what}", where=where, what=str(overrun)))
    except Stranger as stranger:
        trouble = Trouble("login", joined([str(stranger), Text("if it is meant, add requirepeer=USER to the dsn")]))
    except psycopg2.Error as error:
        trouble = _refusal(redact(str(error), secrets), where)
    if line is not None:
        line.close()
    raise trouble


def _check(peer: "socket", connection: "Connection") -> None:
    """Raises Stranger, wherever the server's place comes from: the DSN, $PGHOST, a service."""
    from heartbeat_cli.postgres import peers

    peers.of_connection(peer, connection.info.host or "", connection.info.dsn_parameters)


def _refusal(message: str, where: str) -> Trouble:
    """A failed connect as a trouble. libpq reports every address and TLS try; the last answer counts."""
    text, answered = _last_words(message)
    if re.search(_LOGIN_THERE if answered else _LOGIN_HERE, re.sub(_QUOTED, "", text), re.I):
        return Trouble("login", Text("{where} does not let heartbeat in: {text}", where=where, text=text))
    if answered:
        return Trouble("answered", Text("{where} takes no connection: {text}", where=where, text=text))
    return Trouble("connect", Text("no connection to {where}: {text}", where=where, text=system_words(text)))


def _last_words(message: str) -> tuple[str, bool]:
    """The telling part of a libpq message on one line, and whether the server itself said it."""
    tries = [part for part in re.split(_ATTEMPT, message) if part.strip()] or ["no reason given"]
    said = [part for part in tries if re.match(_SEVERITY, part)]
    lines = [line for line in (said or tries)[-1].splitlines() if not line.startswith("\t")]
    return one_line(re.sub(_SEVERITY, "", " ".join(lines), count=1)), bool(said)


def _parsed(dsn: str) -> dict[str, str]:
    """The DSN by keyword. Its parts are never echoed: a misread one may hold half of a password."""
    psycopg2 = driver()
    try:
        params: dict[str, str] = psycopg2.extensions.parse_dsn(dsn)
    except psycopg2.Error:
        raise Trouble("login", Text("the dsn is not a PostgreSQL connection string")) from None
    if "@" in params.get("host", "")[1:] or ("://" in dsn and "@" in params.get("dbname", "")):
        raise Trouble("login", Text("the dsn cannot be read: in a password, write @ as %40, / as %2F and ? as %3F"))
    if not ports_fit(params):
        raise Trouble("login", Text("the dsn cannot be read: {ports}", ports=PORTS))
    params.setdefault("fallback_application_name", "heartbeat")
    params["client_encoding"] = "UTF8"  # any other one lacks some characters
    if not ("service" in params or {"PGGSSENCMODE", "PGSERVICE"} & os.environ.keys()):
        params.setdefault("gssencmode", "disable")  # it would come before TLS, whatever `sslmode` asks for
    return params


def parameters(dsn: str) -> Mapping[str, str]:
    """The DSN by keyword; nothing where it cannot be read."""
    try:
        return dict(driver().extensions.parse_dsn(dsn))
    except driver().Error:
        return {}


def ports_fit(params: Mapping[str, str]) -> bool:
    """Whether libpq can use the ports: numbers (or nothing: the default), one for each host or one for all."""
    ports = [one.strip() for one in params.get("port", "").split(",")]
    hosts = max(params.get(key, "").count(",") + 1 for key in ("host", "hostaddr"))
    return len(ports) in (1, hosts) and all(port(one) is not None for one in ports if one)


def targets(dsn: str) -> list[dict[str, str]]:
    """One set of parameters a host: libpq left alone would wait for a dead first host until the deadline. Raises
    Trouble for a text that is no DSN."""
    params = _parsed(dsn)
    lists = {key: params[key].split(",") for key in ("host", "hostaddr", "port") if params.get(key)}
    count = max(len(lists.get("host", ())), len(lists.get("hostaddr", ())))
    if count < 2 or any(len(values) not in (1, count) for values in lists.values()):
        return [params]
    hosts = [params | {key: values[number % len(values)] for key, values in lists.items()} for number in range(count)]
    if params.get("load_balance_hosts") == "random":
        import random

        random.shuffle(hosts)
    if params.get("target_session_attrs") == "prefer-standby":
        wanted = ("standby", "any")
        return [host | {"target_session_attrs": attrs} for attrs in wanted for host in hosts]
    return hosts


def _where(target: Mapping[str, str], several: bool) -> str:
    host = target.get("host") or target.get("hostaddr") or os.environ.get("PGHOST") or ""
    number = target.get("port") or os.environ.get("PGPORT") or "5432"
    if host and not host.startswith(("/", "@")):
        return f"{host}:{number}"
    return f"{host}/.s.PGSQL.{number}" if host and several else Text("the local PostgreSQL socket")


def _passwords(target: Mapping[str, str], *words: str | None) -> frozenset[str]:
    """Those that no text may show; one that is a part of the user's name would take that with it."""
    return worth_hiding(word for word in words if word and word not in target.get("user", ""))
