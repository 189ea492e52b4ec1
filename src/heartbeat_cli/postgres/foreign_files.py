"""Files at known places that libraries behind libpq would read by themselves, though another user can put them there.

Kerberos keeps our tickets in /tmp/krb5cc_UID unless its configuration says otherwise, and asks neither whose that file
is nor what it is: a pipe there is waited for, and with the tickets of a realm of his own somebody gets a password past
TLS. OpenSSL, as the wheel psycopg2-binary brings it, has its configuration where it was built, below /host.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress

_CONFIGURATION = "/etc/krb5.conf"
_MOST = 65_536  # bytes of a configuration file
_CACHE = re.compile(r"^\s*default_ccache_name\s*=\s*(\S+)", re.MULTILINE)
_FOLDERS = re.compile(r"^\s*includedir\s+(\S+)", re.MULTILINE)
_BUILT_BELOW = "/host"


def shut_out() -> None:
    """Set variables by which the libraries read no such file. To be called before they are loaded."""
    if "KRB5CCNAME" not in os.environ and not _is_ours(ticket_file()):
        os.environ["KRB5CCNAME"] = "MEMORY:heartbeat"
    if "OPENSSL_CONF" not in os.environ and os.path.lexists(_BUILT_BELOW):
        os.environ["OPENSSL_CONF"] = os.devnull


def ticket_file() -> str | None:
    """Where Kerberos looks for our tickets; None where that is no file (KEYRING, KCM)."""
    files = os.environ.get("KRB5_CONFIG", _CONFIGURATION).split(":")
    said = (found[1] for one in files for text in _texts(one) if (found := _CACHE.search(text)))
    name = next(said, "/tmp/krb5cc_%{uid}")  # noqa: S108 - it is the danger that is named here
    sort, colon, path = name.partition(":")
    if colon and not sort.startswith("/"):
        if sort not in ("FILE", "DIR", "WRFILE"):
            return None
        name = path
    return name.replace("%{uid}", str(os.getuid())).replace("%{euid}", str(os.geteuid()))


def _texts(configuration: str) -> Iterator[str]:
    """The configuration of Kerberos and what it includes, which is root's."""
    text = _read(configuration)
    yield text
    for folder in _FOLDERS.findall(text):
        with suppress(OSError):
            yield from (_read(os.path.join(folder, name)) for name in sorted(os.listdir(folder)))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_MOST)
    except OSError:
        return ""


def _is_ours(path: str | None) -> bool:
    """Whether no other user can have made what stands there: in a sticky folder nobody can replace a file of ours.
    True where tickets are in no file."""
    if path is None:
        return True
    try:
        found = os.lstat(path)
    except OSError:
        return False  # somebody could make it now
    sort = stat.S_IFMT(found.st_mode)  # a folder where the name begins with DIR
    return sort in (stat.S_IFREG, stat.S_IFDIR) and found.st_uid in (0, os.getuid())
