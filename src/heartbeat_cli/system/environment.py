"""Variables that name files by which libraries trust, write, read or run code. `cli` judges them before a library that
follows them is loaded: they need not be ours (`sudo -E`, an old line of a crontab).

What counts is an absolute path that no other user can bend. Any other variable is dropped from the environment, for
heartbeat and for what it starts. `dropped` says why: `run` and `doctor` tell people, and PostgreSQL is not asked where
libpq would trust more without. What has been read by then (PYTHON*, LD_*, GCONV_PATH, TZ) cannot be judged here.
"""

import os
from collections.abc import Iterator

# Written, whosever the file is: keys of TLS connections, traces of Kerberos. Debugging aids, no part of a service.
WRITTEN = ("SSLKEYLOGFILE", "KRB5_TRACE", "COMERR_DEBUG_FILE")
# Whom TLS trusts; such a file must be there. The last two are for the libraries of plug-ins and of Apprise.
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
# What libpq reads: whom to trust, who we are, where to go. `postgres.guarded` refuses to go on without.
_POSTGRES = (
    *("PGSSLROOTCERT", "PGSSLCRL", "PGSSLCRLDIR", "PGSSLCERT", "PGSSLKEY"),
    *("PGPASSFILE", "PGSERVICEFILE", "PGSYSCONFDIR"),
)
_JUDGED = (
    *CERTIFICATES,
    *_POSTGRES,
    *("OPENSSL_CONF", "OPENSSL_CONF_INCLUDE", "OPENSSL_MODULES", "OPENSSL_ENGINES"),  # code that OpenSSL loads
    *("KRB5_CONFIG", "GSS_MECH_CONFIG"),  # code that Kerberos loads, for libpq
    *("KRB5CCNAME", "KRB5_CLIENT_KTNAME"),  # who we are to Kerberos
    *("DOCKER_CERT_PATH", "DOCKER_CONFIG"),  # whom to trust, where to go; code of the program docker
    *("HOSTALIASES", "RESOLV_HOST_CONF"),  # where names lead
    *("TMPDIR", "SQLITE_TMPDIR"),  # written to, also by the scripts that heartbeat starts
)
_ALL = frozenset((*WRITTEN, *_JUDGED))
_LISTS = ("SSL_CERT_DIR", "KRB5_CONFIG")  # several paths, with colons between them

dropped: dict[str, str] = {}  # variables by name: why each was dropped


def judge() -> None:
    """Drop from the environment what must not be followed."""
    if _ALL.isdisjoint(os.environ):
        return
    for name in (*WRITTEN, *_JUDGED):
        if (value := os.environ.get(name)) and (why := _why_not(name, value)) is not None:
            dropped[name] = why
            del os.environ[name]
    if "DOCKER_CERT_PATH" in dropped:
        os.environ["DOCKER_TLS_VERIFY"] = "1"  # it has switched TLS on: that stays


def remark(name: str) -> str:
    """What to say of a variable that was dropped."""
    from heartbeat_cli.domain.text import Text

    return Text("{name} is passed over: {why}", name=name, why=dropped[name])


def remarks() -> Iterator[tuple[str, str, str]]:
    """The variables that were dropped: the name, what to say, and what to do."""
    from heartbeat_cli.domain.text import Text

    for name in dropped:
        other = Text("unset it, or name a file or folder of root's or of your own")
        yield name, remark(name), Text("unset it") if name in WRITTEN else other


def _why_not(name: str, value: str) -> str | None:
    from heartbeat_cli.domain.text import Text

    if name in WRITTEN:
        return Text("heartbeat lets no library write such a file")
    return next((why for path in _paths(name, value) if (why := _no_good(name, path)) is not None), None)


def _paths(name: str, value: str) -> list[str]:
    """The paths that the value names: none where it is a word."""
    if name in _LISTS:
        return value.split(":")
    if name.startswith("KRB5"):
        sort, colon, path = value.partition(":")
        if colon and not sort.startswith("/"):  # KEYRING, MEMORY, KCM: no file
            return [path.lstrip(":")] if sort in ("FILE", "DIR", "WRFILE") else []
    if name == "PGSSLROOTCERT" and value == "system":
        return []
    return [value]


def _no_good(name: str, path: str) -> str | None:
    """Why this path must not be used; None when it may. It need not be there, if nobody else can put anything there."""
    import stat

    from heartbeat_cli.domain.text import Text
    from heartbeat_cli.system import trusted

    if not path.startswith("/"):
        return Text("{path} is not an absolute path", path=path)
    if path == os.devnull and name not in CERTIFICATES:
        return None
    try:
        trusted.check(path)
        mode = os.stat(path).st_mode
    except FileNotFoundError as error:
        return error.strerror if name in CERTIFICATES else _could_be_made(path)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    if stat.S_ISREG(mode) or (stat.S_ISDIR(mode) and name != "SSL_CERT_FILE"):
        return None
    return Text("{path} is not a regular file", path=path)


def _could_be_made(path: str) -> str | None:
    from heartbeat_cli.system import trusted

    above = os.path.realpath(path)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    try:
        trusted.check_alone(above)
    except OSError as error:
        return error.strerror or str(error)
    return None
