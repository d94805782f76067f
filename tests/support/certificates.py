"""Certificates for tests: made by openssl, each its own authority."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A certificate for localhost and its key, in PEM files."""

    cert: Path
    key: Path

    @property
    def cfg(self) -> str:
        """The lines of jobsched.cfg that name it."""
        return f"CERT_FILE = {str(self.cert)!r}\nKEY_FILE = {str(self.key)!r}\n"

    def client(self) -> ssl.SSLContext:
        """Return what a client needs that trusts this certificate and no other."""
        return ssl.create_default_context(cafile=str(self.cert))


def pair(folder: Path, name: str = "server") -> Pair:
    """Make a certificate of a P-256 key in *folder*."""
    made = Pair(cert=folder / f"{name}.pem", key=folder / f"{name}.key")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"),
        *("-days", "2", "-subj", "/CN=localhost", "-addext", names),
        *("-keyout", str(made.key), "-out", str(made.cert)),
    )
    made.key.chmod(0o600)
    return made


def openssl(*words: str) -> str:
    """Run openssl; return what it prints."""
    done = subprocess.run(
        ["openssl", *words], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout
