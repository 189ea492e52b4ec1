"""The program's start, as `heartbeat` and as `python -m heartbeat_cli`.

Ctrl-C ends it without a traceback at any moment. Until a verb is running nothing has been opened that wants closing, so
the process ends at once; from then on `cli` stops the verb in order.
"""

# Built in: `signal` imports more, and Ctrl-C could come meanwhile.
import _signal  # type: ignore[import-not-found]
import os


def _stop(number: int, frame: object) -> None:
    """Say that it was stopped, and end as `cli` does for it."""
    try:
        os.write(2, b"heartbeat: stopped\n")
    finally:
        os._exit(128 + number)


def main() -> None:
    """Run the command line."""
    from heartbeat_cli import cli

    cli.main()


# Left alone where it is ignored: a shell starts what runs in the background so.
if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _stop)

if __name__ == "__main__":
    main()
