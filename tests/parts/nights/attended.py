"""Nights that need a person, and one in which a database takes its children along."""

from datetime import UTC, datetime

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.kinds import certificates
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.text import Text
from tests.parts.nights.stage import AGENT, NIGHT, STEP, ZONE, Stage, Truth, answered, refused


def ladder_that_ends(stage: Stage) -> Truth:
    ladder = [
        {"action": "script", "name": "restart_main.sh", "tries": 1},
        {"action": "script", "name": "rebuild_main.sh", "tries": 1},
    ]
    stage.script("restart_main.sh", "echo 'ModuleNotFoundError: no module named tools' >&2; exit 1")
    stage.script("rebuild_main.sh", "echo 'pip: no matching distribution for tools==4.2' >&2; exit 1")
    main = AGENT | {"name": "Main Agent", "recovery": {"ladder": ladder}}
    stage.open({"main": main, "chat": AGENT | {"name": "Chat Assistant"}}, late=True)
    stage.run(2)
    begun = stage.clock()
    bad = refused("127.0.0.1:8000")
    stage.run(8, main=bad)
    acked = stage.clock()
    stage.acknowledge("main", "kim")
    stage.run(70, main=bad)
    ended = stage.clock(-STEP)  # the second good check ends it
    stage.run(3)
    return Truth(
        "Main Agent (main) is down: nothing listens on its port (connection refused).",
        "agents-1, 127.0.0.1:8000.",
        f"{begun}, until {ended}.",
        "Its own: its process does not start, a Python module (tools) is missing.",
        f"heartbeat tried both steps, restart_main.sh and rebuild_main.sh; both failed. kim acknowledged it at {acked}."
        " It came back without heartbeat, probably by kim.",
        "Nothing; it is over. While it lasted: install the missing module, then heartbeat recover --component main"
        " --force.",
    )


def certificate_and_key(stage: Stage) -> Truth:
    step = stage.script("restart_agent.sh", "exit 0")
    shop = AGENT | {"name": "Shop Assistant", "url": "https://shop.example.com/health", "recovery": step}
    model = {"kind": "llm", "name": "OpenAI API", "url": "https://api.example.com/v1", "recovery": "off"}
    stage.open({"shop": shop, "openai": model})
    stage.run(2)
    begun = stage.clock()
    http = Text("{head} from {url}", head=Text("no HTTP answer"), url="https://shop.example.com/health")
    line = certificates.expired("shop.example.com", NIGHT + 45)
    expired = Reading("error", 0.03, line, (), {"http": http}, category="certificate")
    why = Text("{line}: {said}", line="HTTP 401 Unauthorized", said="Incorrect API key provided: sk-…Yq3A")
    http = Text("{head} from {url}", head=Text("HTTP {status}", status=401), url="https://api.example.com/v1/models")
    refused_key = Text("{path}: {why}", path="/models", why=why)
    key = Reading("unhealthy", 0.2, refused_key, (), {"http": http}, category="credentials")
    stage.run(3, shop=expired)
    key_since = stage.clock()
    stage.run(3, shop=expired, openai=key)
    stage.run(2, openai=key)
    return Truth(
        "Shop Assistant (shop): its TLS certificate has expired, at 03:00:45. OpenAI API (openai): the API key is"
        " refused (HTTP 401).",
        "shop.example.com and api.example.com, both seen from agents-1.",
        f"shop: {begun}; openai: {key_since}.",
        "shop: whoever should have renewed the certificate; not the agent's process. openai: our API key; not the"
        " provider.",
        "Nothing: no restart can help. shop came back at 03:04:30: probably a person renewed the certificate, after the"
        " message of 03:02:00.",
        "openai is still down: renew the key at the provider and enter it. shop: nothing.",
    )


def parent_and_children(stage: Stage) -> Truth:
    step = stage.script("restart_db.sh", "exit 0")
    child = AGENT | {"depends_on": ["db"], "recovery": stage.script("restart_agent.sh", "exit 0")}
    db = {"kind": "database", "name": "PostgreSQL", "dsn": "postgresql://127.0.0.1:1/app", "recovery": step}
    names = {"main": "Main Agent", "chat": "Chat Assistant", "coding": "Worker"}
    stage.open({"db": db} | {id_: child | {"name": name} for id_, name in names.items()})
    stage.run(2)
    begun = stage.clock()
    where = Text("no connection to {where}: {text}", where="127.0.0.1:5432", text=Text("connection refused"))
    gone = Reading("error", None, where, category="process")
    down = {id_: answered(500, "cannot reach database") for id_ in names}
    stage.run(4, db=gone, **down)
    ended = stage.clock(-STEP)
    stage.run(1, **down)
    stage.run(3, coding=down["coding"])
    stage.run(4)
    return Truth(
        "PostgreSQL (db) is down: connection refused. Main Agent, Chat Assistant and Worker fail because of it. After"
        " the database is back, Worker goes on failing.",
        "agents-1, 127.0.0.1:5432.",
        f"{begun}; the database until {ended}.",
        "The database's. What Worker has after that is its own.",
        "heartbeat ran restart_db.sh and the database came back. It waited for the agents to follow; Worker did not, so"
        " it ran restart_agent.sh for Worker.",
        "Nothing; all is over. In the morning: why did PostgreSQL end?",
    )


def budget_and_queue(stage: Stage) -> Truth:
    spent = {"prometheus": {"url": "http://127.0.0.1:1/metrics", "metric": "tokens_total"}}
    waiting = {"redis": {"command": ["LLEN", "jobs"]}}
    jobs = {"kind": "progress", "name": "Job queue", "waiting": waiting, "container": "workers", "recovery": "off"}
    tokens = {"kind": "budget", "name": "Token budget", "spent": spent, "limit": 2_000_000}
    tokens["timezone"] = ZONE
    stage.open({"tokens": tokens, "jobs": jobs}, late=True, heartbeat={"remind_after": 3600})
    stage.run(2)
    begun = stage.clock()
    line = Text(
        "{spent} of {limit} per day spent ({percent} %)", spent="2,004,110", limit="2,000,000 tokens", percent=100
    )
    over = Reading("unhealthy", None, line, (), {Text("budget"): line}, category="quota")
    stage.run(3, tokens=over)
    still, since = stage.clock(), stage.now - 600
    stage.run(1, tokens=over, jobs=_stuck(stage, since))
    stage.acknowledge("tokens", "kim")
    for pass_ in range(18):
        stage.run(1, step=STEP if pass_ < 2 else 300.0, tokens=over, jobs=_stuck(stage, since))
    return Truth(
        "Token budget (tokens): the day's 2,000,000 tokens are spent. Job queue (jobs): 412 jobs wait and none has been"
        " done.",
        "agents-1.",
        f"tokens: {begun}; jobs: nothing done since {stage.clock(stage.now - since)} (a failing check since {still}).",
        "tokens: whoever spends the tokens; not a fault of a process. jobs: the workers, which do nothing. The budget"
        " is not the cause of that: they stood still before it was spent.",
        "heartbeat did nothing: tokens has no recovery, and recovery is off for jobs. kim acknowledged tokens. Nobody"
        " acknowledged jobs, so boss was notified at 03:19, 15 minutes after ops, and both were reminded at 04:19.",
        "jobs: acknowledge it, read the workers' log from 02:52:30 on, heartbeat recover --component jobs --force."
        " tokens: kim has acknowledged it, so it is left to kim: to stop what spends, or to raise the limit.",
    )


def _stuck(stage: Stage, since: float) -> Reading:
    line = Text("{n} wait, none done since {at}", n="412", at=datetime.fromtimestamp(since, UTC).isoformat())
    said = Text("none done for {span}", span=duration(stage.now - since))
    return Reading("unhealthy", None, line, (), {Text("progress"): said}, category="process")
