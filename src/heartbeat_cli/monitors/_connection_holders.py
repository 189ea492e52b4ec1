"""Who holds the connections of a PostgreSQL server: asked where they run short, and remembered for the time when
heartbeat itself gets none."""

import time
from collections.abc import Mapping

from heartbeat_cli.domain import text_source
from heartbeat_cli.domain.checking.result import CheckContext
from heartbeat_cli.domain.plain import duration, one_line
from heartbeat_cli.domain.text import Text, listed, stacked
from heartbeat_cli.postgres import libpq

LABEL = Text("who holds the connections")
_SECONDS = 1.0
_KEPT = 1_000  # characters
# As pg_stat_activity has them, those that take a connection for long.
_STATES: Mapping[str, Text] = {one: one for one in (Text("active"), Text("idle"), Text("idle in transaction"))}
_LATEST = 2**53  # no counter and no moment is beyond
# A role without pg_monitor sees of other sessions who they are, and not what they are. PgBouncer adds the address and
# the port of each client to the name (application_name_add_host, https://www.pgbouncer.org/config.html): then no two
# would be of one group.
_HOLDERS = r"""
SELECT count(*)::float8,
  usename::text,
  regexp_replace(application_name, ' - [^ ]+:[0-9]+$', ''),
  host(client_addr),
  state,
  max(extract(epoch FROM clock_timestamp() - backend_start))::float8
FROM pg_stat_activity
WHERE pid <> pg_backend_pid()
  AND (backend_type = 'client backend' OR (backend_type IS NULL AND usesysid IS NOT NULL AND datid IS NOT NULL))
GROUP BY 2, 3, 4, 5 ORDER BY 1 DESC, 6 DESC NULLS LAST LIMIT 5
"""


def asked(session: libpq.Session, deadline: float) -> str:
    """The five largest groups of sessions, a line each, the largest first. Raises Trouble."""
    rows = session.bounded_rows(_HOLDERS, deadline=min(deadline, time.monotonic() + _SECONDS))
    return stacked((_line(*row) for row in rows), _KEPT)


def _line(
    count: float, role: str | None, application: str | None, address: str | None, state: str | None, age: float | None
) -> str:
    """What is unknown, or may not be seen, is left out."""
    parts: list[str] = [Text("role {role}", role=one_line(role or "?", 63))]
    if application:
        parts.append(Text("application {name}", name=one_line(application, 63)))
    if address:
        parts.append(Text("from {address}", address=one_line(address, 63)))
    if state:
        parts.append(_STATES.get(state) or one_line(state, 40))
    if age is not None:
        parts.append(Text("the oldest for {span}", span=duration(age)))
    return Text.counted(round(count), "{n} connection: {who}", "{n} connections: {who}", who=listed(parts))


def remembered(context: CheckContext) -> Mapping[str, str]:
    """The evidence of the last check that got in, with its age; none where nothing fit is remembered."""
    known = context.memory.get("connections")
    if not isinstance(known, Mapping):
        return {}
    at, used, most = (known.get(key) for key in ("at", "used", "max"))
    numbers = [one for one in (at, used, most) if isinstance(one, int | float) and 0 <= one < _LATEST]
    if len(numbers) < 3 or numbers[0] > context.now:
        return {}
    span = duration(context.now - numbers[0])
    line = Text("{span} ago: {used:.0f} of {most:.0f} connections used", span=span, used=numbers[1], most=numbers[2])
    who = text_source.made(known.get("who"))
    return {LABEL: stacked([line, who], 2 * _KEPT) if who else line}
