"""What `script` and `command` share: run a program as a recovery step and say what it came to."""

import errno
from collections.abc import Mapping, Sequence

from heartbeat_cli.domain import plain
from heartbeat_cli.domain.recovery.outcome import Outcome
from heartbeat_cli.domain.text import Text
from heartbeat_cli.system import offspring, process

OUTPUT = 4_000  # characters: an error stands at the end of what a program prints


def run(argv: Sequence[str], *, label: str, timeout: float, env: Mapping[str, str], cwd: str | None) -> Outcome:
    """What it started in the background lives on, if it ended by itself: that may be the very agent that was
    to be started. At the deadline everything of it is killed."""
    try:
        finished = process.run(
            argv,
            timeout=timeout,
            env=process.minimal_env({**env, offspring.STEP: offspring.step_mark(argv, cwd)}),
            cwd=cwd,
            max_output=OUTPUT * 4,
            keep_tail=True,
            leave_children=True,
        )
    except ValueError:
        return Outcome(
            "failed", Text("cannot run {label}: its arguments or environment hold a NUL character", label=label)
        )
    except OSError as error:
        return _not_started(label, error)
    output = "\n".join(text for text in (finished.stdout.strip(), finished.stderr.strip()) if text)
    if len(output) > OUTPUT:
        output = "…" + output[1 - OUTPUT :]
    output = plain.bounded(output, OUTPUT)
    if finished.timed_out:
        return Outcome(
            "failed",
            Text("{label} did not finish within {timeout:g} s and was killed", label=label, timeout=timeout),
            output,
        )
    if finished.code == 0:
        return Outcome("done", Text("{label} ended with exit code 0", label=label), output)
    return Outcome("failed", _end(label, finished), output)


def _end(label: str, finished: process.Finished) -> str:
    code = finished.code or 0
    words = finished.stderr.strip().splitlines() or finished.stdout.strip().splitlines()
    last = plain.one_line(words[-1], 200) if words else ""
    if code < 0:
        end = Text("{label} was ended by signal {signal}", label=label, signal=-code)
    else:
        end = Text("{label} ended with exit code {code}", label=label, code=code)
    return Text("{line}: {said}", line=end, said=last) if last else end


def _not_started(label: str, error: OSError) -> Outcome:
    reason = plain.system_words((error.strerror or str(error)).lower())
    if error.errno == errno.ENOEXEC:
        reason = Text("it has no #! line, so the system does not know how to run it")
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.EACCES, errno.EPERM):
        return Outcome(
            "denied",
            Text(
                "cannot run {label}: {reason}{where}; make it executable for heartbeat's user",
                label=label,
                reason=reason,
                where=where,
            ),
        )
    return Outcome("failed", Text("cannot run {label}: {reason}{where}", label=label, reason=reason, where=where))
