"""The person at the terminal: who it is, and a line for them."""

import os
import sys
from contextlib import suppress


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
