"""What each sort of fault means, in one sentence for its message; by kind, or by what else was found."""

from heartbeat_cli.i18n.catalogs import N_

DESCRIPTIONS = {
    "agent": N_("The agent's health address gave no good answer."),
    "openclaw": N_("The OpenClaw gateway is not ready, or does not answer."),
    "database": N_("PostgreSQL gave no good answer."),
    "docker": N_("The container is not running as it should."),
    "service": N_("The systemd unit is not running as it should."),
    "host": N_("The machine has exceeded a limit of its CPU, memory or disks."),
    "tcp": N_("The port gave no good answer."),
    "command": N_("The check command reports a problem."),
    "progress": N_("Work waits, but none of it gets done."),
    "budget": N_("More is spent than the budget allows."),
    "prometheus": N_("Its metrics break a limit, or cannot be read."),
    "sql": N_("The result of its query breaks a limit, or there is no result."),
    "gpu": N_("A GPU is missing, fails or is too hot, or its driver does not answer."),
    "dns": N_("The name does not resolve as it should."),
    "mcp": N_("The MCP server did not answer as it should, or lacks a tool."),
    "llm": N_("The model API did not answer as it should, or lacks the model."),
    "process": N_("The process does not run as it should, or uses too much."),
    "file": N_("The file is missing, too old, or has the wrong size."),
    "log": N_("Its log has lines that should not be there, or cannot be followed."),
    "timer": N_("The systemd timer does not fire in time, or the last run of its unit failed."),
    "push": N_("It has not reported that it is alive, or its last run failed."),
    "llm_credentials": N_("The provider answers, but refuses our key."),
    "llm_quota": N_("The provider answers, but a quota or limit is used up."),
    "category_credentials": N_("It answers, but refuses the key or login that heartbeat uses."),
    "category_certificate": N_("No request can be made: its certificate has expired."),
    "folder_full": N_("A disk of the machine is full."),
    "disk_full": N_("A disk of the machine is full."),
    "database_held": N_("PostgreSQL runs, but its connections are used up."),
    "database_held_idle": N_("PostgreSQL runs, but its connections are used up."),
    "database_resource": N_("PostgreSQL runs, but is short of connections, memory or disk space."),
    "category_dependency": N_("Something that it needs has failed."),
    "category_network": N_("The network on the way to it has failed."),
    "category_provider": N_("The provider is overloaded or has a fault of its own."),
    "slow": N_("It answers, but later than it should."),
    "degraded": N_("It works, with a warning."),
    "escalated": N_("It has neither recovered nor been acknowledged."),
    "reminder": N_("People were notified of this before; it has not recovered, and nobody has acknowledged it."),
    "recovery_failed": N_("The steps below did not help."),
    "recovery_denied": N_("heartbeat knows what would heal it, but lacks the right to do that."),
    "recovery_braked": N_("It was restarted as often as the configuration allows; more would only do harm."),
    "recovery_held": N_("heartbeat does not restart it: see Recovery for the reason."),
    "missed_runs": N_("There was a gap between two runs. This host checked nothing during it."),
    "clock_suspect": N_(
        "Components are still checked and faults reported. Nothing is pruned, no incident closed by age."
    ),
    "observer_blind": N_(
        "Whose fault: this host or its network; nothing remote answers. Remote components are not judged now."
    ),
    "observer_silent": N_(
        "Whose fault: the host itself; it is down, cut off from the store, or cron does not start heartbeat. Which of"
        " these is not known yet; a login tells."
    ),
    "unconfirmed": N_("It is not declared a fault and not restarted: its quorum requires more hosts to see it fail."),
    "lock_held": N_("An earlier run has not ended, and only one may work at a time. Nothing is checked meanwhile."),
    "unobserved": N_(
        "Whose fault: not known yet; heartbeat cannot make the check, so whether it works is not known. Nothing is"
        " restarted meanwhile."
    ),
    "docker_hangs": N_(
        "Whose fault: the Docker daemon, not the containers; whether these work is not known meanwhile. Nothing is"
        " restarted."
    ),
    "docker_forbidden": N_(
        "Whose fault: a right that heartbeat lacks; whether the containers work is not known meanwhile. Nothing is"
        " restarted."
    ),
    "buttons_off": N_("Acknowledge, silence and recover by command; messages arrive as before."),
    "store_unreachable": N_(
        "Whose fault: the database that heartbeat keeps its records in, or the way to it; it does not answer."
    ),
    "observed_again": N_(
        "Nothing to do yet: the next checks show how it is now (heartbeat status), and what fails gets a message."
    ),
    "lock_free": N_("Nothing was checked while the lock was held."),
    "store_went_back": N_("The database that holds heartbeat's records has fewer of them than at the last pass."),
}

SHORT_OF = {
    "space": N_("disk space"),
    "inodes": N_("inodes"),
    "memory": N_("memory"),
    "swap": N_("swap"),
    "cpu": N_("CPU"),
}
