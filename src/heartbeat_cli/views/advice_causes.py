"""What to do about a fault whose main cause is known, in English. A part of `advice`."""

from heartbeat_cli.i18n.catalogs import N_

_SUPERUSER = (
    N_(
        "Get in as the superuser, on the database's host: superuser_reserved_connections keeps slots for it:"
        " sudo -u postgres psql"
    ),
    N_(
        "See who holds connections: select pid, usename, application_name, client_addr, state, state_change"
        " from pg_stat_activity order by state_change;"
    ),
)
_OF_ONE = (
    N_("If nobody gets in, stop {application}."),
    N_("Then mend {application}: it leaves sessions open."),
)
BY_CAUSE: dict[str, tuple[str, ...]] = {
    "database_resource": (
        *_SUPERUSER,
        N_("End a session by the pid of step 2's list: select pg_terminate_backend(PID);"),
        N_("If nobody gets in, stop the application that holds most of them."),
        N_("Then mend that application: it leaves sessions open."),
        N_("If all are needed: put a pooler in front, or raise max_connections."),
    ),
    "database_held_idle": (
        *_SUPERUSER,
        N_(
            "End those of {holder} that are idle in transaction, by their pids in step 2's list:"
            " select pg_terminate_backend(PID);"
        ),
        *_OF_ONE,
    ),
    "database_held": (
        *_SUPERUSER,
        N_(
            "End sessions of {holder} that can be spared, by their pids in step 2's list:"
            " select pg_terminate_backend(PID);"
        ),
        *_OF_ONE,
    ),
    "folder_full": (
        N_("Free space in {folder} ({size})."),
        N_("Find out why it grows: a log that is not rotated, a job that does not clean up."),
        N_("What has failed for want of space: heartbeat status; then heartbeat recover --component ID --force"),
    ),
    "disk_full": (
        N_("Free space in the largest folders; find them: df -h, du -xhd2 / | sort -h | tail"),
        N_("Find out what grows: a log that is not rotated, a job that does not clean up."),
        N_("What has failed for want of space: heartbeat status; then heartbeat recover --component ID --force"),
    ),
}
