"""What can go wrong in a way a user can act on: each becomes one line and an exit code."""


class HeartbeatError(Exception):
    """heartbeat itself could not do its work (exit 3). The text is shown as it is: say what and what to do."""

    exit_code = 3


class UsageError(HeartbeatError):
    """Wrong usage or wrong configuration (exit 2)."""

    exit_code = 2


class Stopped(HeartbeatError):
    """Somebody pressed Ctrl-C."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__("stopped")


class ConfigError(UsageError):
    """Every problem of a configuration at once, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StoreError(HeartbeatError):
    """The store could not be reached, read or written."""


class Unobservable(Exception):
    """A monitor could not look at its component: heartbeat's own trouble, never the component's."""


class DeliveryError(Exception):
    """A channel did not take a message. `retryable` says whether trying again can help; `retry_after` (seconds) is
    what the other side asked for, if it did. `lasting`: a person has to mend something first (a token, an address).
    `unsure`: the answer was lost, so the message may have been taken all the same."""

    def __init__(
        self,
        text: str,
        *,
        retryable: bool,
        retry_after: float | None = None,
        lasting: bool = False,
        unsure: bool = False,
    ) -> None:
        super().__init__(text)
        self.retryable = retryable
        self.retry_after = retry_after
        self.lasting = lasting
        self.unsure = unsure


class PluginError(Exception):
    """A plug-in of another package failed; the text names it. `unsure`: it was at work when it was ended, or ended by
    itself, so that nobody knows how far it came."""

    def __init__(self, text: str, *, unsure: bool = False) -> None:
        super().__init__(text)
        self.unsure = unsure
