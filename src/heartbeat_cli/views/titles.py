"""The titles of alerts in English; catalogs have them in other languages."""

from heartbeat_cli.i18n.catalogs import N_

TITLES = {
    "down": N_("{name} is down"),
    "recovered": N_("{name} has recovered"),
    "slow": N_("{name} answers too slowly"),
    "degraded": N_("{name} gives a warning"),
    "degraded_ended": N_("{name} is back to normal"),
    "observer_blind": N_("{name} is cut off: nothing remote answers"),
    "observer_sees": N_("{name} reaches the network again"),
    "store_unreachable": N_("{name} cannot reach its store"),
    "store_restored": N_("{name} reaches its store again"),
    "store_went_back": N_("The store of {name} has lost its latest records"),
    "recovery_failed": N_("{name}: recovery failed, a person is needed"),
    "recovery_denied": N_("{name}: heartbeat is not permitted to restart it"),
    "recovery_braked": N_("{name}: recovery is paused, too many steps"),
    "recovery_held": N_("{name} is not restarted: a person must decide"),
    "reminder": N_("{name} is still in fault"),
    "escalated": N_("{name} is in fault, and nobody has acknowledged it"),
    "budget_down": N_("{name} is used up"),
    "progress_down": N_("{name} makes no progress"),
    "push_down": N_("{name} has not reported success in time"),
    "host_down": N_("{name} is short of disk space, memory or CPU"),
    "command_down": N_("{name} reports a problem"),
    "log_down": N_("{name} has lines that should not be there"),
    "timer_down": N_("{name} has not fired, or its job failed"),
    "unwatched": N_("{name} is no longer watched"),
    "missed_runs": N_("{name}: heartbeat did not run"),
    "clock_suspect": N_("{name}: its clock cannot be trusted"),
    "clock_trusted": N_("{name}: its clock can be trusted again"),
    "observer_silent": N_("{name} has stopped watching"),
    "observer_back": N_("{name} watches again"),
    "lock_held": N_("{name}: heartbeat cannot run, its lock is held"),
    "lock_free": N_("{name}: heartbeat runs again"),
    "unconfirmed": N_("{name} fails, but too few hosts check it to confirm that"),
    "unconfirmed_ended": N_("{name} is healthy after all"),
    "unobserved": N_("{name} cannot be checked"),
    "observed_again": N_("{name} can be checked again"),
    "docker_answers": N_("Docker answers again: {name} can be checked again (their state is not known yet)"),
    "buttons_off": N_("{name}: buttons under messages do not work"),
}

# By what kind of failure it is, where "down" would not be true.
FAULTS = {
    "certificate": N_("{name}: a TLS certificate has expired"),
    "configuration": N_("{name}: something is configured wrongly"),
    "credentials": N_("{name}: an API key or login is refused"),
    "quota": N_("{name}: a quota or limit is used up"),
}
