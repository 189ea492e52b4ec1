"""TLS 1.2 whose keys are agreed on by finite-field Diffie-Hellman (DHE), with a modulus as large as one likes."""

import base64
import secrets
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Self

from tests.parts import lacking
from tests.parts.http import Certificate

MOST_BITS = 10_000  # that OpenSSL takes as a client; its two powers then cost it a second of CPU


class OnlyDhe(Certificate):
    """A certificate whose server offers nothing else. Its modulus need not be a prime: a client does not look."""

    bits = 2_048

    @classmethod
    def made(cls, folder: Path) -> Self:
        """A self-signed one in a folder, with a key of RSA, as DHE wants; it is its own CA file."""
        if shutil.which("openssl") is None:
            lacking("the openssl program, to make certificates")
        own = cls(folder / "cert.pem", folder / "key.pem")
        words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=heartbeat test", "-days", "2"]
        words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(own.key), "-out", str(own.cert)]
        subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60)
        return own

    def context(self, client_ca: Certificate | None = None) -> ssl.SSLContext:
        made = super().context(client_ca)
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.set_ciphers("DHE:@SECLEVEL=1")
        modulus = secrets.randbits(self.bits) | 1 << (self.bits - 1) | 1
        both = _number(modulus) + _number(2)
        lines = base64.encodebytes(b"\x30" + _length(both) + both).decode()
        file = self.cert.with_name("dh.pem")
        file.write_text(f"-----BEGIN DH PARAMETERS-----\n{lines}-----END DH PARAMETERS-----\n")
        made.load_dh_params(file)
        return made


class CostlyDhe(OnlyDhe):
    """The same with the most that a client takes."""

    bits = MOST_BITS


def _number(value: int) -> bytes:
    content = value.to_bytes(value.bit_length() // 8 + 1)
    return b"\x02" + _length(content) + content


def _length(content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([size])
    signs = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([0x80 | len(signs)]) + signs
