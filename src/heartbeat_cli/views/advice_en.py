"""What a fault means and what to do about it, in English; `words_en` is the whole catalogue."""

DESCRIPTIONS = {
    "agent": "The agent's health address gave no good answer.",
    "database": "PostgreSQL gave no good answer.",
    "docker": "The container is not running as it should.",
    "service": "The systemd unit is not running as it should.",
    "host": "The machine is running out of a resource.",
    "tcp": "The port gave no good answer.",
    "command": "The check command reports a problem.",
    "push": "It has not reported that it is alive, or its last run failed.",
    "slow": "It answers, but later than it should.",
    "degraded": "It works, with a warning.",
    "escalated": "Others were notified before; it has neither recovered nor been acknowledged.",
    "reminder": "People were notified of this before; nothing has changed since.",
    "recovery_failed": "heartbeat has done all that it may do, and it has not recovered.",
    "recovery_denied": "heartbeat knows what would heal it, but lacks the right to do that.",
    "recovery_braked": "It was restarted as often as the configuration allows; more would only do harm.",
    "recovery_held": "heartbeat has a reason not to restart it; the last line gives it.",
    "missed_runs": "There was a gap between two runs. Nothing was checked during it.",
    "clock_suspect": "Components are still checked and faults reported. Nothing is pruned, no incident closed by age.",
    "observer_blind": "Nothing remote answers, so the trouble is at this host. Remote components are not judged now.",
    "observer_silent": "Another host that should make checks has stored nothing for a while.",
    "unconfirmed": "It is not declared a fault and not restarted: its quorum requires more hosts to see it fail.",
    "lock_held": "An earlier run has not ended, and only one may work at a time. Nothing is checked meanwhile.",
    "unobserved": "heartbeat itself cannot check it, so nobody knows whether it works. A fault would not be noticed.",
    "store_unreachable": "The database that heartbeat keeps its records in does not answer.",
    "observed_again": "Its present state: heartbeat status.",
    "lock_free": "Nothing was checked while the lock was held.",
    "store_went_back": "The database that holds heartbeat's records has fewer of them than at the last pass.",
}

RECOMMENDATIONS = {
    "agent": (
        "Check that the agent's process is running.",
        "Read the agent's log from the time of the first failure on.",
        "Restart the agent: {restart}.",
        "Check the network between {observer} and the agent's address.",
    ),
    "database": (
        "Check that the postgres process is running.",
        "Read the PostgreSQL log.",
        "Check the database's container: docker ps -a, docker logs.",
        "Check the free disk space of the data folder: df -h.",
        "Restart the database once the cause is known.",
    ),
    "docker": (
        "Look at the container's state: docker inspect {target}.",
        "Read its log: docker logs --tail 100 {target}.",
        "Check memory, CPU and disk of the host.",
        "Restart it: docker restart {target}.",
    ),
    "service": (
        "Look at the unit: systemctl status {target}.",
        "Read its journal: journalctl -u {target}.",
        "Restart it: systemctl restart {target}.",
    ),
    "host": (
        "Find the biggest users: top, df -h, du -x.",
        "Stop or move what is not needed.",
        "Think about a bigger machine if this comes back.",
    ),
    "tcp": (
        "Check that the server listens: ss -ltnp.",
        "Check firewall and network on the way to it.",
    ),
    "command": (
        "Run the command by hand and read its whole output.",
        "Mend what it names, or the command itself.",
    ),
    "push": (
        "Check that the job still runs, and when it last did.",
        "Read its log; run it by hand.",
    ),
    "recovery_denied": (
        "Give heartbeat's user the right that is named above, or restart it by hand.",
        "Try it as that user: heartbeat recover --component {id}.",
    ),
    "recovery_braked": (
        "Find out why it does not stay up: read its log from the first failure on.",
        "Once that is mended: heartbeat recover --component {id} --force.",
    ),
    "recovery_held": (
        "Read why it is left alone: somebody may have stopped it on purpose, or it fails only at times.",
        "If it should run: heartbeat recover --component {id} --force.",
    ),
    "missed_runs": (
        "Check that cron runs: systemctl status cron, heartbeat doctor.",
        "Check whether the machine slept, was off, or had no time: uptime, last reboot.",
    ),
    "clock_suspect": (
        "Compare the time of this host with that of the store's host: date, timedatectl, chronyc tracking.",
        "Correct it, and check that it is synchronised: systemctl status chrony systemd-timesyncd.",
        "If it is right and the host was off for days: do nothing; after an hour of passes it is trusted again.",
    ),
    "observer_blind": (
        "Check this host's network: ip addr, ip route, resolvectl status.",
        "Look at the components from another place.",
    ),
    "observer_silent": (
        "Check that the host is up and reaches the store.",
        "There: systemctl status cron, heartbeat doctor.",
        "If it is gone for good: heartbeat observers --forget {id}.",
    ),
    "unconfirmed": (
        "Check it yourself, best from another place.",
        "Bring the other hosts back: heartbeat observers shows which of them watch.",
        "If a host is gone for good, lower `quorum`; by hand: heartbeat recover --component {id} --force.",
    ),
    "lock_held": (
        "Look at the process that is named above: is it at work (a prune, a long replay), or does it hang?",
        "If it hangs, end it: kill, then kill -9. The next run takes up what it had begun.",
        "Find out what it hung on: a file system that does not answer, a stopped process, a debugger.",
    ),
    "database_unobserved": (
        "Try the login that heartbeat uses: heartbeat check --component {id}, or psql with its dsn.",
        "Check the role: psql -c '\\du', and LOGIN, password, pg_hba.conf.",
        "Check the database yourself meanwhile: nobody else does.",
    ),
    "docker_unobserved": (
        "Check that the Docker daemon runs: systemctl status docker, docker info.",
        "Check that the user of heartbeat may talk to it: id, ls -l /var/run/docker.sock.",
        "Check the containers yourself meanwhile: docker ps -a.",
    ),
    "unobserved": (
        "Read the reason above and try it on {observer}: heartbeat check --component {id}.",
        "Check rights, files and programs that the check needs: heartbeat doctor.",
        "Check the component yourself meanwhile: nobody else does.",
    ),
    "store_unreachable": (
        "Check that the database behind [heartbeat] store runs and is reachable: heartbeat doctor.",
        "Nothing is lost meanwhile: records are kept on this host and stored later.",
    ),
    "store_went_back": (
        "If it was restored from a backup, do nothing: reports lack what was seen since the backup.",
        "If not, find out who replaced or emptied it, and restore a backup: heartbeat doctor shows where it is.",
    ),
    "database_degraded": (
        "See who waits for whom: select pid, pg_blocking_pids(pid), query from pg_stat_activity.",
        "End a session that blocks others: select pg_terminate_backend(pid).",
        "Check connections and long transactions of the application.",
    ),
    "degraded": (
        "Read what it warns of; it still works.",
        "Mend it before it becomes an outage.",
    ),
    "slow": (
        "Check the process's CPU and memory.",
        "Check the size of the model it has loaded.",
        "Check the load of the system.",
    ),
}
