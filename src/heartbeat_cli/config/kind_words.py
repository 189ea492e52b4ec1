"""What people call a kind that has another name here, for the line about an unknown kind."""

from collections.abc import Mapping

from heartbeat_cli import plugins
from heartbeat_cli.config.problems import suggestion

_OTHERS: Mapping[str, Mapping[str, str]] = {
    "monitors": {
        "agent": "http https url web website health api endpoint langgraph",
        "budget": "cost costs tokens spend",
        "command": "exec program shell plugin nagios nrpe check_command",
        "database": "postgres postgresql pg psql db",
        "docker": "container containers compose podman",
        "host": "cpu disk memory ram swap load system filesystem",
        "llm": "model ollama vllm litellm openai anthropic",
        "openclaw": "gateway",
        "progress": "queue celery rq worker",
        "prometheus": "metrics exporter",
        "push": "cron heartbeat deadman passive job",
        "service": "systemd unit systemctl daemon",
        "tcp": "port socket ping icmp redis mysql smtp ssh",
    },
    "channels": {
        "apprise": "ntfy discord matrix gotify pushover teams signal sms",
        "console": "stdout stderr print",
        "email": "mail smtp sendmail",
        "webhook": "http https url hook slack post",
    },
}


def suggested(kind: object, package: str) -> str:
    """`; did you mean agent?` for a word that stands for a known kind, else what is close to it, or all there are; and
    the plug-ins that are installed."""
    known, origins = plugins.known(package), plugins.origins(package)
    also = f"; installed plug-ins: {', '.join(origins)}" if origins else ""
    meant = [one for one, words in _OTHERS.get(package, {}).items() if kind in words.split() and one in known]
    return (f"; did you mean {meant[0]}?" if meant else suggestion(kind, known, few=40)) + also
