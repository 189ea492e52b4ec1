"""What to do about a fault whose main cause is known, in English. A part of `advice`."""

from heartbeat_cli.i18n.catalogs import N_

_SUPERUSER = (
    N_("Get in as the superuser, on {server}: superuser_reserved_connections keeps slots for it: {psql}"),
    N_(
        "See who holds connections: select pid, usename, application_name, client_addr, state, state_change"
        " from pg_stat_activity order by state_change;"
    ),
)
_OF_ONE = (
    N_("If you cannot get in, stop {application}."),
    N_("Then mend {application}: it leaves sessions open."),
)
BY_CAUSE: dict[str, tuple[str, ...]] = {
    "docker_killed": (
        N_("Look at the container's state: docker inspect {target}"),
        N_("Read its log: docker logs --tail 100 {target}"),
        N_("See what the host did at that moment: journalctl --since {since} --until {until}"),
        N_("Restart it: docker restart {target}"),
    ),
    "database_resource": (
        *_SUPERUSER,
        N_("End a session by the pid that the statement above lists: select pg_terminate_backend(PID);"),
        N_("If you cannot get in, stop the application that holds most of them."),
        N_("Then mend that application: it leaves sessions open."),
        N_("If all are needed: put a pooler in front, or raise max_connections."),
    ),
    "database_held_idle": (
        *_SUPERUSER,
        N_(
            "End those of {holder} that are idle in transaction, by the pids that the statement above lists:"
            " select pg_terminate_backend(PID);"
        ),
        *_OF_ONE,
    ),
    "database_held": (
        *_SUPERUSER,
        N_(
            "End sessions of {holder} that can be spared, by the pids that the statement above lists:"
            " select pg_terminate_backend(PID);"
        ),
        *_OF_ONE,
    ),
    "database_held_idle_all": (
        *_SUPERUSER,
        N_("End all sessions of {application} that are idle in transaction: {statement}"),
        *_OF_ONE,
    ),
    "database_held_all": (
        *_SUPERUSER,
        N_("End the sessions of {application}, all at once: {statement}"),
        *_OF_ONE,
    ),
    "folder_full": (
        N_("Free space in {folder} ({size})."),
        N_("Find out why it grows: a log that is not rotated, a job that does not clean up."),
        N_("What has failed for want of space, once there is some: {recover}"),
    ),
    "disk_full": (
        N_("Free space in the largest folders; find them: df -h, du -xhd2 / | sort -h | tail"),
        N_("Find out what grows: a log that is not rotated, a job that does not clean up."),
        N_("What has failed for want of space, once there is some: {recover}"),
    ),
}
