"""What to do about what heartbeat cannot check, in English. A part of `advice`."""

from heartbeat_cli.i18n.catalogs import N_

UNSEEN: dict[str, tuple[str, ...]] = {
    "database_unobserved": (
        N_("Try the login that heartbeat uses: heartbeat check --component {id}, or psql with its dsn"),
        N_("Check the role: psql -c '\\du', and LOGIN, password, pg_hba.conf."),
        N_("Check the database yourself meanwhile: nobody else does."),
    ),
    "docker_unobserved": (
        N_("Check that the Docker daemon runs: systemctl status docker, docker info"),
        N_("See whether what runs in the containers still answers: their ports, ps -e"),
    ),
    "docker_hangs": (
        N_("Check the Docker daemon: systemctl status docker, journalctl -u docker. Commands of docker may hang, too."),
        N_("See whether what runs in the containers still answers: their ports, ps -e"),
        N_("If the daemon hangs, restart it; that may stop its containers: systemctl restart docker"),
    ),
    "docker_forbidden": (
        N_("Check that heartbeat's user may talk to the Docker daemon: id, ls -l /var/run/docker.sock"),
        N_("Check the containers yourself meanwhile: sudo docker ps -a"),
    ),
    "unobserved": (
        N_("Read the reason above and try it on {observer}: heartbeat check --component {id}"),
        N_("Check rights, files and programs that the check needs: heartbeat doctor"),
        N_("Check the component yourself meanwhile: nobody else does."),
    ),
}
