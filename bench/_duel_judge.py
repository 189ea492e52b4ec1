"""What became of every fault, by what the targets and the mail server saw; the contestants' own words are only counted.

Detected is the first thing that others can see: a message about the fault, or a restart. Healed is the moment at which
the target served again.
"""

import re
import time
from collections.abc import Sequence
from typing import NamedTuple

from tests.parts.smtp import MailBox

from bench._duel_faults import Copy
from bench._duel_targets import Target

LEVEL_SECONDS, LEVEL_SHARE = 2.0, 0.1

# What a subject says, by contestant; the first that matches counts. "both" is a beginning and its end in one.
_SAYS = {
    "heartbeat": (
        (r"delivered late|(?<!\()\bwas down\b|: down from |Resolved: .*, from ", "both"),
        (r"Resolved|recovered", "end"),
        (r"person is needed|recovery is paused", "person"),
        (r"down|must decide|not restarted", "begin"),
    ),
    "Monit": (
        (r"Timeout", "person"),
        (r"succeeded|Exists|exists \(", "end"),
        (r"failed|[Nn]ot exist", "begin"),
    ),
    "loop": ((r"^DOWN", "begin"), (r"^UP", "end")),
}


class Message(NamedTuple):
    """A mail that arrived: when, to whom, and its subject."""

    at: float
    to: str
    subject: str


class Outcome(NamedTuple):
    """One row: seconds from the fault, None where it never came to that."""

    copy: Copy
    detected: float | None
    healed: float | None
    restarts: int
    messages: int
    wrong: tuple[str, ...]

    def figure(self, name: str) -> float | None:
        """What is compared; messages only of who lost none of them."""
        if name == "messages":
            return None if any("message" in one for one in self.wrong) else float(self.messages)
        return self.detected if name == "detected" else self.healed


def record(box: MailBox, into: list[Message]) -> None:
    """Keep every mail that a server takes, with the moment."""
    box.taken = lambda mail, whim: into.append(
        Message(time.time(), str(mail["To"]), " ".join(str(mail["Subject"]).split()))
    )


def outcome(copy: Copy, mails: Sequence[Message], zero: float) -> Outcome:
    """What one contestant made of one fault; `mails` are those to it in the fault's group."""
    told = [one for one in mails if one.at >= zero and _about(one, copy)]
    restarts = copy.target.restarts(zero)
    acts = [at for at in restarts if at >= copy.injected] if copy.fault.seen_by_action else []
    seen = sorted([*acts, *(one.at for one in told if one.at >= copy.injected and _says(copy.who, one) != "end")])
    served = copy.target.served(copy.injected) if copy.fault.healable else None
    return Outcome(
        copy,
        seen[0] - copy.injected if seen else None,
        served - copy.injected if served else None,
        sum(len(one.restarts(zero)) for one in _own(copy)),
        len(told),
        (*_wrong_restarts(copy, zero, len(restarts)), *_wrong_messages(copy, told, served)),
    )


def level(ours: float | None, others: Sequence[float | None]) -> bool:
    """Whether a figure is the smallest, or within two seconds or a tenth of it."""
    best = min((one for one in others if one is not None), default=None)
    if best is None:
        return True
    return ours is not None and ours <= best + max(LEVEL_SECONDS, LEVEL_SHARE * best)


def _own(copy: Copy) -> list[Target]:
    return copy.targets if copy.fault.forbidden else copy.targets[:1]


def _about(mail: Message, copy: Copy) -> bool:
    names = "|".join(re.escape(one.id) for one in _own(copy))
    return re.search(rf"(?<![\w-])({names})(?![\w-])", mail.subject) is not None


def _says(who: str, mail: Message) -> str:
    return next((what for pattern, what in _SAYS[who] if re.search(pattern, mail.subject)), "other")


def _wrong_restarts(copy: Copy, zero: float, restarts: int) -> list[str]:
    found = []
    if copy.fault.forbidden:
        prefix, what = copy.fault.forbidden
        times = sum(len(one.restarts(zero)) for one in copy.targets if one.id.startswith(prefix))
        if times:
            found.append(f"restarted {what} ({times})")
            restarts -= times if copy.target.id.startswith(prefix) else 0
    if restarts > copy.fault.restarts:
        found.append(f"storm: {restarts} restarts where {copy.fault.restarts} would do")
    return found


def _wrong_messages(copy: Copy, told: Sequence[Message], served: float | None) -> list[str]:
    said = [_says(copy.who, one) for one in told]
    late = [_says(copy.who, one) for one in told if one.at >= copy.injected]
    found = []
    if not any(one != "end" for one in late):
        found.append("no message that it is in fault")
    if copy.fault.ends and (served or not copy.fault.healable) and not {"end", "both"} & set(late):
        found.append("no message of the end")
    begun = ended = 0
    for one in said:
        begun += one != "end"
        ended += one in ("end", "both")
        if ended > begun:
            found.append("message of the end before that of the beginning")
            break
    if copy.fault.needs_person and "person" not in said:
        found.append("no message that a person is needed")
    if copy.fault.ends and "person" in said:
        found.append("called a person for what was healed or passed")
    return found
