"""What is wrong with the PostgreSQL database that a store is in, though it can be used."""

from collections.abc import Iterator

from heartbeat_cli.domain.finding import Finding
from heartbeat_cli.domain.text import Text
from heartbeat_cli.store.sql.database import Database

_OPEN_SCHEMAS = """
SELECT quote_ident(n.nspname), CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
WHERE n.nspname = ANY (current_schemas(false)) AND a.privilege_type = 'CREATE'
  AND a.grantee <> n.nspowner AND a.grantee <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
ORDER BY 1, 2 LIMIT 5
"""


def findings(db: Database) -> Iterator[Finding]:
    if db.dialect == "postgres":
        yield from _encoding(db.other_encoding)
        yield from _open_schemas(db)


def _encoding(other: str) -> Iterator[Finding]:
    """`other` is "" for UTF8."""
    if other:
        text = Text(
            "the database has the encoding {encoding}, not UTF8: characters outside of it may be stored as escapes, and"
            " queries of your own on JSON columns may fail",
            encoding=other,
        )
        advice = Text("recreate the database with the encoding UTF8: see docs/recipes/backup.md")
        yield Finding("store", "warn", text, advice)


def _open_schemas(db: Database) -> Iterator[Finding]:
    """Where others may put a function in the place of one of PostgreSQL's (CVE-2018-1058)."""
    for schema, role in db.rows(_OPEN_SCHEMAS):
        text = Text(
            "{role} may create functions in the schema {schema} of the tables; they could run with the rights of"
            " heartbeat's role",
            role=role,
            schema=schema,
        )
        advice = Text("REVOKE CREATE ON SCHEMA {schema} FROM {role}, as the owner of the schema")
        yield Finding("store", "warn", text, advice.with_values(schema=schema, role=role))
