"""What to do about a fault, in English."""

from heartbeat_cli.i18n.catalogs import N_
from heartbeat_cli.views.advice_causes import BY_CAUSE
from heartbeat_cli.views.advice_unseen import UNSEEN

_BIGGEST_USERS = (
    N_("A full disk: free space in the largest folders; find them: df -h, du -xhd2 / | sort -h | tail"),
    N_("Short of CPU or memory: find the process that takes most: top"),
    N_("Think about a bigger machine if this comes back."),
)
_WRITTEN_BY_A_JOB = (
    N_("Look at the files: ls -l --time-style=full-iso, with the path of {id}."),
    N_("Find the job that writes them, see when it last ran, and read its log."),
    N_("Run the job by hand. Check the free disk space there: df -h"),
)
_SPENT = (
    N_("Find out what spends: compare the usage by key and model in the console of the provider or gateway."),
    N_(
        "Stop what spends; if it is meant, raise `limit` in [components.{id}] of heartbeat.toml. That gives no more"
        " budget: heartbeat only reports what is spent, and stops nothing."
    ),
    N_("What has stopped for want of it goes on by itself once there is budget again."),
)
RECOMMENDATIONS: dict[str, tuple[str, ...]] = {
    # A kind of a plug-in, which says nothing of its own.
    "other_kind": (
        N_("Read what the check found, above, and look at {id} by hand."),
        N_("Read its log from the time when it failed."),
        N_("Restart it if a restart can help: {restart}"),
    ),
    # What recovery would do if it were not off or held.
    "by_hand": (N_("Run its recovery by hand: {restart}"),),
    # What a failed step of recovery names.
    "module_missing": (N_("Install the missing module {module}; the failed steps above say what they could not do."),),
    # By what kind of failure it is, where that says more than the kind of component.
    "starting": (
        N_("Do nothing yet: it has not finished starting."),
        N_("If it stays so, read its log from its start on."),
    ),
    "draining": (
        N_("Do nothing yet: it is finishing what it has begun."),
        N_("If it stays so, find out what it waits for."),
    ),
    "dependency": (
        N_("Find out which part it needs has failed: the line above and the evidence name it."),
        N_("Mend that part; this one follows by itself."),
    ),
    "provider": (
        N_("Wait: heartbeat reports when it is over, and nothing here can mend it."),
        N_("Look at the provider's status page; if it lasts, switch to another provider or model."),
    ),
    "credentials": (
        N_("Find the API key or login that is refused: the first line says what was asked and who refused it."),
        N_("Renew it where it is issued, and enter it where {id} reads it."),
        N_("If {id} reads it only when it starts, restart it: {restart}"),
    ),
    "quota": (
        N_("Look at usage and limits in the provider's console."),
        N_("Raise the limit, or find out who spends so much."),
    ),
    "configuration": (
        N_("Compare the address, path, name or setting in the first line with the settings of {id}, and correct it."),
        N_("If that was its own configuration, restart it: {restart}"),
    ),
    "certificate": (
        N_("Renew the certificate on the server that presents it, and have the server load it."),
        N_(
            "See whose it is and when it expired:"
            " openssl s_client -connect {place} </dev/null | openssl x509 -noout -subject -enddate"
        ),
        N_("Find out why it was not renewed: the timer or job that renews it, and its log."),
    ),
    "llm_credentials": (
        N_(
            "See in the provider's console whether it was revoked or has expired; make a new one there, and enter it in"
            " [components.{id}] of heartbeat.toml."
        ),
        N_("Do the agents use the same key? Then enter the new one there, too, and restart them."),
    ),
    "resource": _BIGGEST_USERS,
    **BY_CAUSE,
    "openclaw_resource": (
        N_("Look at the CPU of the host, and which process uses it: top."),
        N_("Find out which work holds the gateway up: openclaw status, its log, its scheduled jobs and plugins."),
    ),
    "network": (
        N_("Check the name service and the way from {observer}: resolvectl query, ip route, ping"),
        N_("Check whether the component's host is up."),
    ),
    "agent": (
        N_("Check that the agent's process is running."),
        N_("Read the agent's log from the time of the first failure on."),
        N_("Restart the agent: {restart}"),
        N_("Check the network between {unreached} and the agent's address."),
    ),
    "openclaw": (
        N_("See what the gateway says of itself: openclaw gateway status, openclaw channels status"),
        N_("Read its log from the first failure on: openclaw logs"),
        N_("Restart it when no work is under way: {restart}"),
        N_("Check the network between {unreached} and the gateway's address."),
    ),
    "database": (
        N_("Check that the postgres process is running."),
        N_("Read the PostgreSQL log."),
        N_("Check the database's container: docker ps -a, docker logs"),
        N_("Check the free disk space of the data folder: df -h"),
        N_("Restart the database once the cause is known: {restart}"),
    ),
    "docker": (
        N_("Look at the container's state: docker inspect {target}"),
        N_("Read its log: docker logs --tail 100 {target}"),
        N_("Check memory, CPU and disk of the host."),
        N_("Restart it: docker restart {target}"),
    ),
    "service": (
        N_("Look at the unit: systemctl status {target}"),
        N_("Read its journal: journalctl -u {target}"),
        N_("Restart it: systemctl restart {target}"),
    ),
    "host": _BIGGEST_USERS,
    "tcp": (
        N_("Check that the server listens: ss -ltnp"),
        N_("Check firewall and network on the way to it."),
    ),
    "command": (
        N_("Run the command by hand and read its whole output."),
        N_("Mend what it names, or the command itself."),
    ),
    "progress": (
        N_("Find out what the workers do at the moment: read their log from when the last job was done."),
        N_("Restart the workers: {restart}"),
        N_("If they work, only slowly: add workers, or raise `within` in [components.{id}] of heartbeat.toml."),
    ),
    "budget": _SPENT,
    "budget_quota": _SPENT,
    "prometheus": (
        N_("Compare its metrics page with the limits in its checks."),
        N_("Read the log of the process behind the page."),
        N_("Restart that process if it no longer works: {restart}"),
    ),
    "sql": (
        N_("Run the query of {id} by hand: the evidence names the rows that break a limit."),
        N_("Find out what writes these rows, and whether it still works."),
        N_("If the limit is wrong, correct it in the checks of {id}."),
    ),
    "gpu": (
        N_("See what the driver says: nvidia-smi, and dmesg | grep -i -e xid -e nvrm"),
        N_("Move the work to another GPU, and reset this one (nvidia-smi --gpu-reset) or reboot the host."),
        N_("If it comes back: check power, seating and cooling, or have it replaced."),
    ),
    "gpu_resource": (
        N_("See what the driver says: nvidia-smi, and dmesg | grep -i -e xid -e nvrm"),
        N_("If a GPU is lost or the driver hangs: reset it (nvidia-smi --gpu-reset) or reboot the host."),
        N_("If it is too hot: check fans, dust and airflow. If its memory is full: find out which process holds it."),
    ),
    "gpu_configuration": (
        N_("Compare driver and library: cat /proc/driver/nvidia/version, nvidia-smi --version"),
        N_("After an upgrade of the driver or the kernel: reboot the host, or load the module: modprobe nvidia"),
        N_("Compare device and count of {id} with nvidia-smi -L"),
    ),
    "dns": (
        N_("Ask by hand: dig, with the name, type and server in the line above."),
        N_("Check that the name server runs and has the zone."),
    ),
    "dns_configuration": (
        N_("Ask by hand: dig, with the name, type and server in the line above."),
        N_("Compare the answer with the zone: has the record been changed or deleted, has the domain expired?"),
        N_("If the change was meant, correct expect of {id}."),
    ),
    "mcp": (
        N_("Check that the server's process is running; the line above names the step that failed."),
        N_("Read the server's log from the time of the first failure on."),
        N_("Restart the server: {restart}"),
    ),
    "llm": (
        N_("Check that the model server's process is running and has loaded its model."),
        N_("Read its log from the time of the first failure on; look at the GPU: nvidia-smi"),
        N_("Restart it: {restart}"),
    ),
    "process": (
        N_("See what runs: ps -e -o pid,user,lstart,rss,args; compare with the settings of {id}."),
        N_("Read its log from the time of the first failure on; if the kernel killed it: dmesg, journalctl -k"),
        N_("Restart it: {restart}"),
    ),
    "file": _WRITTEN_BY_A_JOB,
    "file_dependency": _WRITTEN_BY_A_JOB,
    "log": (
        N_("Read the lines above, and the log around them."),
        N_("Mend what they name; restart it if that helps: {restart}"),
        N_("If the lines do not matter, have them left out: ignore in [components.{id}]."),
    ),
    "timer": (
        N_("Look at the timer and its next elapse: systemctl status {target}, systemctl list-timers --all"),
        N_("Read the journal of the unit that it starts: journalctl -u, with the name above."),
        N_("Mend what it names, then start the unit by hand once, if a second run does no harm."),
    ),
    "push": (
        N_("Check that the job still runs, and when it last did."),
        N_("Read its log; run it by hand."),
    ),
    "step_under_way": (
        N_(
            "Nothing yet: heartbeat takes the step above, and its next message says whether that has helped. The"
            " rest is for when it has not."
        ),
    ),
    "step_no_help": (N_("Act now, do not wait for the step above: it frees nothing."),),
    "failed_again": (
        N_("Look for the cause before it is restarted once more: what its log says right before it fails."),
    ),
    "failed_again_now": (
        N_("heartbeat restarts it once more. Read today what its log says right before it fails: that is the cause."),
    ),
    "failed_steps": (N_("Read what the failed steps above say, and the evidence below; fix that first."),),
    "failed_steps_alone": (N_("Read what the failed steps above say; fix that first."),),
    "recovery_denied": (
        N_("Give heartbeat's user the right that is named above, or restart it by hand."),
        N_("Try it as that user: heartbeat recover --component {id}"),
    ),
    "recovery_braked": (
        N_("Find out why it does not stay up: read its log from the first failure on."),
        N_("Once that is mended: heartbeat recover --component {id} --force"),
    ),
    "recovery_held": (
        N_("If somebody stopped it, ask who and why. If it only fails at times, read its log."),
        N_("If it should run: heartbeat recover --component {id} --force"),
    ),
    "recovery_stopped": (
        N_("Ask who stopped it, and why."),
        N_("If it should run: heartbeat recover --component {id} --force"),
    ),
    "missed_runs": (
        N_("Check that cron runs: systemctl status cron, heartbeat doctor"),
        N_("Check whether the machine slept, was off, or had no time: uptime, last reboot"),
    ),
    "clock_suspect": (
        N_("Compare the time of this host with that of the store's host: date, timedatectl, chronyc tracking"),
        N_("Correct it, and check that it is synchronised: systemctl status chrony systemd-timesyncd"),
        N_("If it is right and the host was off for days: do nothing; after an hour of passes it is trusted again."),
    ),
    "observer_blind": (
        N_("Check this host's network: ip addr, ip route, resolvectl status"),
        N_("Look at the components from another place."),
    ),
    "observer_silent": (
        N_("Log in to {id}. If that fails, the host or its network is down: bring it back."),
        N_("Otherwise run there: uptime, systemctl status cron, heartbeat doctor (it names what is wrong)."),
        N_("If it is gone for good: heartbeat observers --forget {id}"),
    ),
    "unconfirmed": (
        N_("Check it yourself, best from another place."),
        N_("Bring the other hosts back: heartbeat observers shows which of them watch."),
        N_("If a host is gone for good, lower `quorum`; by hand: heartbeat recover --component {id} --force"),
    ),
    "lock_held": (
        N_("Look at the process that is named above: is it at work (a prune, a long replay), or does it hang?"),
        N_("If it hangs, end it: kill, then kill -9. The next run takes up what it had begun."),
        N_("Find out what it hung on: a file system that does not answer, a stopped process, a debugger."),
    ),
    **UNSEEN,
    "store_unreachable": (
        N_("Check that the database behind [heartbeat] store runs and is reachable: heartbeat doctor"),
        N_("Nothing is lost meanwhile: records are kept on this host and stored later."),
    ),
    "buttons_off": (
        N_("Give heartbeat a bot of its own: no other program may collect the bot's updates."),
        N_("If the bot has a webhook, delete it (deleteWebhook of the Bot API). heartbeat asks again within an hour."),
    ),
    "store_went_back": (
        N_("If it was restored from a backup, do nothing: reports lack what was seen since the backup."),
        N_("If not, find out who replaced or emptied it, and restore a backup: heartbeat doctor shows where it is."),
    ),
    "database_degraded": (
        N_("See who waits for whom: select pid, pg_blocking_pids(pid), query from pg_stat_activity;"),
        N_("End a session that blocks others: select pg_terminate_backend(PID);"),
        N_("Check connections and long transactions of the application."),
    ),
    "degraded": (
        N_("Read what it warns of; it still works."),
        N_("Mend it before it becomes an outage."),
    ),
    "slow": (
        N_("Check the process's CPU and memory."),
        N_("Check the size of the model it has loaded."),
        N_("Check the load of the system."),
    ),
}
