"""What kind of failure an error of Redis or Valkey shows, by its first word.

Source: https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors (a line that begins with `-` and
a word in capitals). An error without an entry here says nothing about its kind, as `-ERR` does.
"""

from collections.abc import Mapping

from heartbeat_cli.domain.category import Category

_CATEGORIES: Mapping[str, Category] = {
    "OOM": "resource",  # above maxmemory, with nothing to evict
    "MISCONF": "resource",  # it cannot save to its disk, and takes no writes until it can
    "LOADING": "starting",  # the data set is being read; a restart would begin that anew
    "NOAUTH": "credentials",
    "WRONGPASS": "credentials",
    "NOPERM": "credentials",
    "READONLY": "configuration",  # a replica is asked to write
    "MASTERDOWN": "dependency",
    "NOREPLICAS": "dependency",
}


def category_of(reply: str) -> Category | None:
    """The kind of failure that the first line of a reply shows; None where it is no error, or one that does not say."""
    line = reply.partition("\n")[0].rstrip("\r")
    return _CATEGORIES.get(line[1:].partition(" ")[0]) if line.startswith("-") else None
