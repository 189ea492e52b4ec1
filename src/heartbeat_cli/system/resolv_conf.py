"""The name servers that this host asks: resolv.conf(5)."""

from heartbeat_cli.domain.plain import lines_of


def nameservers(path: str = "/etc/resolv.conf") -> list[str]:
    """Their addresses, in order; none where the file cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
            lines = lines_of(file.read(65_536))
    except OSError:
        return []
    return [words[1] for words in map(str.split, lines) if len(words) > 1 and words[0] == "nameserver"]
