"""The certificates to trust where the configuration names none: those of SSL_CERT_FILE, else of this system, else of
certifi.

What another user could say by such a variable is no longer in the environment (`environment`).
"""

import os

from heartbeat_cli.system import environment

# A wheel of pycurl brings an OpenSSL built for another system's paths: look where systems keep their roots.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def bundle() -> str:
    """The file with the certificates to trust."""
    if named := os.environ.get("SSL_CERT_FILE"):
        return named
    found = next((path for path in _BUNDLES if os.path.isfile(path)), None)
    if found is None:
        from certifi import where

        return where()
    return found


def for_programs() -> dict[str, str]:
    """The variables that say whom to trust, for a program that we start and that goes by them."""
    return {name: os.environ[name] for name in environment.CERTIFICATES if os.environ.get(name)}
