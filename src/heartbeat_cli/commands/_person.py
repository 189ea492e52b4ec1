"""The person at the terminal: who it is, and a line for them."""

import os
import sys
from contextlib import suppress

_NAME = 60  # characters of the name of a program


def print_remark(text: str) -> None:
    """Print a line for a person on standard error, which leaves standard output to the verb's result. A closed or full
    standard error is ignored."""
    from heartbeat_cli.domain.plain import printable

    with suppress(OSError):
        if sys.stderr is not None:
            sys.stderr.write(f"{printable(text)}\n")
            sys.stderr.flush()


def current_user() -> str:
    """The name of the user who runs this, from the password database, or `uid N` where it has no entry (in a
    container). $LOGNAME is not used, because it may hold anything."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def requester(by: str) -> str:
    """Who asks for something: the user who runs this, with the name `by` of the program that asks before it."""
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.redact import redact

    return f"{one_line(redact(by), _NAME)} ({current_user()})" if by else current_user()
