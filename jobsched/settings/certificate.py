"""The certificate under which the server speaks TLS, and its key: two files, read as a pair."""

import ssl
import stat
from pathlib import Path
from typing import Protocol, Self

from jobsched.errors import ConfigurationError, Mistake

_LARGEST = 1 << 20
Part = tuple[str, bytes]  # what a file is to hold, and the mark of it
_CERTIFICATE: tuple[Part, ...] = (("certificate", b"-----BEGIN CERTIFICATE-----"),)
_KEY: tuple[Part, ...] = (("private key", b"PRIVATE KEY-----"),)
_MISMATCH = "KEY_VALUES_MISMATCH"


class CertificateSettings(Protocol):
    """The settings that name the two files."""

    @property
    def cert_file(self) -> Path | None: ...
    @property
    def key_file(self) -> Path | None: ...


class _Locked(Exception):
    """The key cannot be read without a passphrase."""


class Certificate:
    """What connections are encrypted with: :attr:`context` is that of the latest reading."""

    def __init__(self, cert_file: Path, key_file: Path | None) -> None:
        self.cert_file, self.key_file = cert_file, key_file
        self.context = self._read()

    @classmethod
    def of(cls, settings: CertificateSettings) -> Self | None:
        """Return the one that *settings* name, None if the server is to speak plain HTTP.

        Raises: ConfigurationError with every mistake.
        """
        if settings.cert_file is None:
            if settings.key_file is None:
                return None
            message = "needs CERT_FILE beside it, the certificate that the key belongs to"
            raise ConfigurationError([Mistake(where="KEY_FILE", message=message)])
        return cls(settings.cert_file, settings.key_file)

    def read_again(self) -> None:
        """Let new connections have what is in the files now.

        Raises: ConfigurationError with every mistake; the one before stays in force then.
        """
        self.context = self._read()

    def _read(self) -> ssl.SSLContext:
        if mistakes := self._mistakes():
            raise ConfigurationError(mistakes)
        try:
            return _context(self.cert_file, self.key_file)
        except _Locked:
            message = "is locked with a passphrase, and there is nobody to ask for it"
        except ssl.SSLError as error:
            message = f"cannot be used: {error.reason or error}"
            if error.reason == _MISMATCH:
                message = f"does not belong to the certificate in {self.cert_file}"
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
        _, where = self._places()[-1]
        raise ConfigurationError([Mistake(where=where, message=message)])

    def _places(self) -> list[tuple[Path, str]]:
        """Return the files and what mistakes in them are told under, that of the key last."""
        named = [("CERT_FILE", self.cert_file), ("KEY_FILE", self.key_file)]
        return [(path, f"{name} {path}") for name, path in named if path is not None]

    def _mistakes(self) -> list[Mistake]:
        places = self._places()
        holds = [_CERTIFICATE, _KEY] if len(places) == 2 else [_CERTIFICATE + _KEY]
        wrong = [_mistake(*place, parts) for place, parts in zip(places, holds, strict=True)]
        return [mistake for mistake in wrong if mistake is not None]


def mistakes(settings: CertificateSettings) -> list[Mistake]:
    """Return why the server could not speak TLS with what *settings* name."""
    try:
        Certificate.of(settings)
    except ConfigurationError as error:
        return list(error.mistakes)
    return []


def _mistake(path: Path, where: str, parts: tuple[Part, ...]) -> Mistake | None:
    """Return what is wrong with one of the files, as far as it can be told without the other."""
    try:
        message = _fault(path, parts)
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
    return None if message is None else Mistake(where=where, message=message)


def _fault(path: Path, parts: tuple[Part, ...]) -> str | None:
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        return "is no file"
    with path.open("rb") as file:
        text = file.read(_LARGEST)
    if lacking := [name for name, mark in parts if mark not in text]:
        return f"holds no {lacking[0]} in PEM form"
    if parts[-1:] == _KEY and facts.st_mode & (stat.S_IROTH | stat.S_IWOTH):
        return f"holds a private key and is open to everybody; chmod o-rw {path}"
    return None


def _context(cert_file: Path, key_file: Path | None) -> ssl.SSLContext:
    """Return a server's context. Raises: ssl.SSLError, OSError, _Locked."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(cert_file, key_file, password=_nobody)
    return context


def _nobody() -> str:
    raise _Locked
