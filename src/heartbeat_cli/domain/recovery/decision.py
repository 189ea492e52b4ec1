"""What a decision about recovery is made from, and what it comes to."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from heartbeat_cli.domain.category import PROCESS, Failure
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.recovery.brakes import Brakes

Move = Literal["run", "prove", "wait", "held", "ask", "off", "nothing", "exhausted"]


class Circumstances(Record):
    """What may forbid an action just now: the component's state, its last status, the parent that is in fault (or
    whose fault it is), a parent that has just come back and the seconds its children still have to follow, a
    maintenance in force (its reason), whether it fails anew for too few checks (`blip`), seconds this host has been
    up, when it was checked last (epoch seconds), why it is another host's to restart (`apart`), what kind of
    `failure` its last check shows, and, where it was down before and came back, how long that took and how long the
    present outage still has to end so (`Incident.comes_back`)."""

    state: str
    last_status: str
    held_by: str | None = None
    parent_back: tuple[str, float] | None = None
    maintenance: str | None = None
    blip: bool = False
    uptime: float | None = None
    last_checked: float | None = None
    apart: str | None = None
    failure: Failure = PROCESS
    comes_back: tuple[float, float] | None = None


class Approval(Record):
    """A person's word: `asked` names this component, which is what mode `ask` waits for; `forced` overrides mode,
    holds, brakes and waiting, never an empty ladder."""

    asked: bool = False
    forced: bool = False


class Limits(Record):
    """Times that a decision keeps, in seconds: what a component may take to come up, what one step may take, and the
    brakes."""

    grace: float
    timeout: float = 30.0
    brakes: Brakes = Brakes()


class Past(Record):
    """What was done before: `tried` for this incident, `own` for the component (this incident's included), both in the
    order it was done; `host` the beginnings of all steps on this host; `here` names it. `seen`: for how many seconds
    this host has known of a step that another one took, by its id. `steady`: what began before that moment (epoch
    seconds) no longer counts for the backoff, because the component then stayed healthy for long enough. `killed`: the
    steps of this host that have not ended, and whose process is gone, by id."""

    tried: Sequence[Attempt] = ()
    own: Sequence[Attempt] = ()
    host: Sequence[float] = ()
    here: str = ""
    seen: Mapping[str, float] = {}
    steady: float = 0.0
    killed: Collection[str] = ()


class Decision(Record):
    """What to do, the name of the reason, the reason in one line, and which step (an index into the ladder)."""

    move: Move
    name: str
    reason: str
    step: int = 0
