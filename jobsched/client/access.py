"""Where the server is and who asks: address, token and certificates, from options and environment.

A token never stands in an argument, where every user of the machine could read it.
"""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from jobsched.client.failures import Misused

DEFAULT_URL = "http://127.0.0.1:58631"
_LONGEST = 4096  # bytes of a token file
_TOKEN = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[^\s\x00-\x20\x7f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to get to a server. *path* is what stands before every route, mostly nothing."""

    tls: bool
    host: str
    port: int
    path: str = ""
    token: str | None = field(default=None, repr=False)
    cacert: str | None = None

    @property
    def url(self) -> str:
        """The server's address as a user writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{self.path}"


def find(
    url: str | None, token_file: str | None, cacert: str | None, environ: Mapping[str, str]
) -> Access:
    """Return the server that options and environment name. Raises: Misused."""
    text = url or environ.get("JOBSCHED_URL") or DEFAULT_URL
    parts, port = _split(text)
    if cacert is not None and not Path(cacert).is_file():
        raise Misused(f"There is no file {cacert} (--cacert).")
    return Access(
        tls=parts.scheme == "https",
        host=parts.hostname or "",
        port=port,
        path=parts.path.rstrip("/"),
        token=_token(token_file, environ),
        cacert=cacert,
    )


def _split(url: str) -> tuple[SplitResult, int]:
    """Return the parts of an address, and the port. Raises: Misused."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Misused(f"{url!r} is no address: {error}.") from None
    if parts.username is not None or parts.password is not None:
        raise Misused("Credentials do not belong into an address; use JOBSCHED_TOKEN or a file.")
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(parts.hostname or ""):
        raise Misused(f"{url!r} is no address such as {DEFAULT_URL} or https://jobs.example.org.")
    if parts.query or parts.fragment or not _HOST.fullmatch(parts.path or "/"):
        raise Misused(f"{url!r} has more than host, port and path.")
    return parts, port or (443 if parts.scheme == "https" else 80)


def _token(token_file: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the token of the file given, the environment, or the user's own file; or None."""
    if token_file is None and (given := environ.get("JOBSCHED_TOKEN")):
        return _checked(given, "JOBSCHED_TOKEN")
    named = token_file or environ.get("JOBSCHED_TOKEN_FILE")
    if named:
        return _read(Path(named))
    usual = usual_file(environ)
    return _read(usual) if usual.exists() else None


def usual_file(environ: Mapping[str, str]) -> Path:
    """Return the file in which a user's token is looked for when nothing is said."""
    config = environ.get("XDG_CONFIG_HOME") or ""
    folder = Path(config) if config.startswith("/") else Path.home() / ".config"
    return folder / "jobsched" / "token"


def _read(path: Path) -> str:
    """Return the token in a file that nobody else can read. Raises: Misused."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                told = f"Others may read the token in {path} (mode {mode:04o})."
                raise Misused(f"{told} Make it private: chmod 600 {path}")
            data = file.read(_LONGEST + 1)
    except OSError as error:
        raise Misused(f"The token file {path} cannot be read: {error.strerror}.") from None
    return _checked(data.decode("utf-8", "replace"), str(path))


def _checked(text: str, where: str) -> str:
    token = text.strip()
    if len(token) > _LONGEST or not _TOKEN.fullmatch(token):
        raise Misused(f"There is no token in {where}: one line of visible ASCII is expected.")
    return token
