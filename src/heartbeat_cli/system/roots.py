"""The certificates to trust where the configuration names none: those of SSL_CERT_FILE, else of this system, else of
certifi.

The variable need not be ours (`sudo -E`, a line of a crontab): it counts only as an absolute path to a file that no
other user owns or may write. OpenSSL itself asks nobody, so `ssl` is given a file where a variable must not count.
"""

import os
from collections.abc import Iterable, Mapping

from heartbeat_cli.domain.text import Text
from heartbeat_cli.system import trusted

# A wheel of pycurl brings an OpenSSL built for another system's paths: look where systems keep their roots.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_FILE, _FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"
_ALL = (_FILE, _FOLDER, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # the last two are for libraries: a file or a folder


def bundle() -> str:
    """The file with the certificates to trust."""
    named = os.environ.get(_FILE)
    if named and _why_not(_FILE, named) is None:
        return named
    found = next((path for path in _BUNDLES if os.path.isfile(path)), None)
    if found is None:
        from certifi import where

        return where()
    return found


def for_ssl() -> str | None:
    """The file to give to `ssl`; None where that may go by the environment itself."""
    return bundle() if _refused(os.environ, (_FILE, _FOLDER)) else None


def for_programs() -> dict[str, str]:
    """The variables that count, for a program that we start and that goes by them."""
    named = {name: os.environ[name] for name in _ALL if os.environ.get(name)}
    return {name: path for name, path in named.items() if _why_not(name, path) is None}


def passed_over(environment: Mapping[str, str]) -> str | None:
    """Which variable is passed over, and why; None where none is."""
    return _refused(environment, _ALL)


def _refused(environment: Mapping[str, str], names: Iterable[str]) -> str | None:
    for name in names:
        named = environment.get(name)
        if named and (why := _why_not(name, named)) is not None:
            return Text("{name} is passed over: {why}", name=name, why=why)
    return None


def _why_not(name: str, path: str) -> str | None:
    """`path` may be a list of folders."""
    for one in path.split(":") if name == _FOLDER else [path]:
        if not one.startswith("/"):
            return Text("{path} is not an absolute path", path=one)
        if (why := trusted.why_not(one)) is not None:
            return why
        if name == _FILE and not os.path.isfile(one):
            return Text("{path} is not a regular file", path=one)
    return None
