"""Whose fault a fault is, in words: by what proves it, by kind and category, by category, or by kind."""

from heartbeat_cli.i18n.catalogs import N_

SIDES = {
    # What is proven by more than the failed check.
    "stopped": N_("not a fault of {name} itself; a person or a tool stopped it. Who, Docker does not record"),
    "host_fault": N_("most likely its host {host} ({seen}), not {name} itself"),
    "database_back": N_(
        "{name} itself, which did not recover with {parent}; {parent} accepts connections again since {at}"
    ),
    "parent_back": N_(
        "{name} itself, which did not recover with {parent}; {parent} passes heartbeat's own check again since {at}"
    ),
    "folder_full": N_(
        "what writes to {folder} on {name}. What fails for want of space is not at fault; which program writes there is"
        " not known yet"
    ),
    "disk_full": N_("what fills the disk of {name}; which program that is, is not known yet: du tells"),
    "database_held_idle": N_("{holder}, not {name} itself; it leaves its sessions open"),
    "database_held": N_("most likely {holder}, not {name} itself; it holds most of the connections"),
    "reached": N_("{name} itself, or the proxy before it; {others} gets an HTTP answer, so the address can be reached"),
    "some_reach": N_("most likely the network between {others} and {name}; {well} reaches it"),
    "killed": N_(
        "not known yet; it was killed. Docker does not record by whom, only that it was not for want of memory. The"
        " host's journal of that moment may tell"
    ),
    # By what the check got.
    "answered": N_("{name} itself; it answers, and reports an error"),
    "passed_on": N_("{name} itself, or what it passes requests on to; its address can be reached"),
    "refused": N_("{name} itself; its host is reached, but nothing listens on that port"),
    "unreached": N_(
        "not known yet; {name} itself, its host, or the network between {observer} and it. A ping of its host tells: no"
        " answer means the host or the network"
    ),
    # By the kind of failure.
    "category_starting": N_("nobody's yet; it has not finished starting"),
    "category_draining": N_("nobody's yet; it is finishing what it has begun"),
    "category_dependency": N_("something that {name} needs, not {name} itself; the first line names it"),
    "category_provider": N_("its provider ({provider}), nothing here; it is overloaded or has a fault of its own"),
    "category_credentials": N_("the API key or login that heartbeat uses; {name} answers, and refuses it"),
    "llm_credentials": N_(
        "the API key in [components.{id}] of heartbeat's configuration, not the provider; that answers, and refuses it."
        " Whether it is wrong, revoked or expired is not known yet; the provider's console tells"
    ),
    "category_quota": N_("what uses up the quota or limit; {name} answers. Who spends it is not known yet"),
    "llm_quota": N_(
        "what spends, not the provider; a quota or limit there is used up. Who spends it is not known yet; the"
        " provider's console tells"
    ),
    "budget_quota": N_(
        "what spends more than the budget allows; no process has failed. Who spends is not known yet; the usage by key"
        " tells"
    ),
    "category_configuration": N_("a setting, of {name} or of its check by heartbeat; the first line names it"),
    "sql_configuration": N_("the data, or what writes it; whether {name} itself works is not known by that"),
    "prometheus_configuration": N_("{name} itself, by its own metrics; or a limit in its checks"),
    "category_resource": N_("what uses up the host's resources; which program that is, is not known yet: top tells"),
    "host_resource": N_("what uses up the resources of {name}; which program that is, is not known yet: top tells"),
    "database_resource": N_("what uses up the connections, memory or disk of {name}; which that is, is not known yet"),
    "gpu_resource": N_("the GPU or its driver on {observer}, or what fills its memory; nvidia-smi tells"),
    "openclaw_resource": N_("what takes the CPU of its host, or the gateway's own work; top on that host tells"),
    "category_network": N_("the network between {observer} and {name}, or the host of {name}; a ping tells which"),
    "category_certificate": N_(
        "the server that presents the certificate; it was not renewed in time. Why is not known yet; the log of its"
        " renewal tells"
    ),
    # By the kind of component.
    "progress": N_(
        "the workers of {name}; they do nothing. Whether they hang or wait for something is not known yet; their"
        " log tells"
    ),
    "budget": N_("what spends more than the budget allows; no process has failed. The usage by key tells who spends"),
    "push": N_("not known yet; the job itself, its host, or the way from there to heartbeat. The job's log tells"),
    "command": N_("what the command checks, or the command itself; its output tells"),
    "dns": N_("the name server, or the zone; a query by hand tells"),
    "file": N_("the job that writes the file; its log tells"),
    "log": N_("what writes the log; its lines tell"),
    "timer": N_("the job that the timer starts, or the timer; the journal of its unit tells"),
    "gpu": N_("the GPU or its driver on {observer}; nvidia-smi tells"),
    "host": N_("what uses up the resources of {name}; which program that is, is not known yet: top tells"),
    "itself": N_("{name} itself"),
}
