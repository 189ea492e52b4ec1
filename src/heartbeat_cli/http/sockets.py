"""How many sockets `multi.py` may have open at once, and room for them in the system's limit for this process.

The usual limit is 1,024 open files, which it may raise by itself up to the hard one. It is lowered again afterwards: a
program started later would inherit it, and one that still uses select(2) cannot count beyond 1,024.
"""

import resource

_MOST = 4_096  # each takes 9 KB
_FEWEST = 64
_RESERVED = 768  # open files of everything else: the store, channels, programs that are checked meanwhile


class Sockets:
    """`most` is how many may be open at once, from `open` until `close`."""

    def __init__(self) -> None:
        self.most = _FEWEST
        self._before: tuple[int, int] | None = None

    def open(self, wanted: int) -> None:
        """Have room for as many of `wanted` as the system allows."""
        wanted = max(_FEWEST, min(_MOST, wanted))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if _less(soft, wanted + _RESERVED):
            self._raise(soft, hard, wanted + _RESERVED)
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.most = max(_FEWEST, min(wanted, soft - _RESERVED)) if soft != resource.RLIM_INFINITY else wanted

    def close(self) -> None:
        """The limit as it was."""
        if self._before is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, self._before)
            self._before = None

    def _raise(self, soft: int, hard: int, needed: int) -> None:
        aim = min(needed, hard) if hard != resource.RLIM_INFINITY else needed
        if aim > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (aim, hard))
            self._before = (soft, hard)


def _less(limit: int, needed: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < needed
