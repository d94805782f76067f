"""From a raw value (text of the environment, object of jobsched.cfg) to a setting's own type.

Every reader takes what was given and returns the value, or raises ValueError with the rest of a
sentence that begins with the setting's name, such as ``must be a whole number``.
"""

import math
import os
import pwd
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

Reader = Callable[[object], object]

DATABASES = "this version keeps its data in SQLite or PostgreSQL"

_DATABASE = re.compile(r"(sqlite(\+pysqlite)?|postgresql(\+psycopg)?):")
_IN_MEMORY = re.compile(r"sqlite(\+pysqlite)?:(/{0,3}|///?(:memory:|file:).*)")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?", re.ASCII)
_CLASS = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_LOOPBACK = re.compile(
    r"http://(127(\.(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3}|localhost|\[::1\])"
    r"(:(?P<port>[0-9]{1,5}))?(/[!-~]*)?"
)
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def text(raw: object) -> str:
    """Read text of at least one character."""
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError(f"must be text, not {raw!r}")
    return raw


def path(raw: object) -> Path:
    """Read a path; a relative one starts at the working directory, ``~`` is home."""
    return Path(text(str(raw) if isinstance(raw, Path) else raw)).expanduser().absolute()


def integer(low: int, high: int) -> Reader:
    """Return a reader of whole numbers from *low* to *high*."""

    def read(raw: object) -> int:
        value = _whole(raw)
        if not low <= value <= high:
            raise ValueError(f"must be from {low} to {high}, not {value}")
        return value

    return read


def _whole(raw: object) -> int:
    digits = isinstance(raw, str) and re.fullmatch(r"-?[0-9]{1,18}", raw.strip())
    if digits or (isinstance(raw, int) and not isinstance(raw, bool)):
        return int(raw)  # type: ignore[call-overload, no-any-return]
    raise ValueError(f"must be a whole number, not {raw!r}")


def number(low: float, high: float = 1e9) -> Reader:
    """Return a reader of numbers from *low* to *high*."""

    def read(raw: object) -> float:
        value = _real(raw)
        if not low <= value <= high:
            raise ValueError(f"must be from {low:g} to {high:g}, not {value:g}")
        return value

    return read


def _real(raw: object) -> float:
    numeric = isinstance(raw, int | float | str) and not isinstance(raw, bool)
    try:
        value = float(raw) if numeric else math.nan  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"must be a number, not {raw!r}")
    return value


def boolean(raw: object) -> bool:
    """Read True or False, in text also yes, no, on, off, 1, 0."""
    if isinstance(raw, bool):
        return raw
    word = raw.strip().lower() if isinstance(raw, str) else None
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise ValueError(f"must be True or False, not {raw!r}")


def words(raw: object) -> tuple[str, ...]:
    """Read a list of words; text is split at commas."""
    items = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise ValueError(f"must be a list of texts, not {raw!r}")
    return tuple(item.strip() for item in items if item.strip())


def variables(raw: object) -> tuple[str, ...]:
    """Read a list of names of environment variables; ``*`` stands for any ending."""
    names = words(raw)
    if wrong := [name for name in names if not _VARIABLE.fullmatch(name)]:
        raise ValueError(f"must be names of variables such as PATH or LC_*, not {wrong[0]!r}")
    return names


def user(raw: object) -> str:
    """Read the name of a user of this machine whose rights this process can give away."""
    name = text(raw)
    try:
        uid = pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError):
        raise ValueError(f"must be a user of this machine, not {name!r}") from None
    if os.geteuid() not in {0, uid}:
        raise ValueError(f"must be the server's own user, not {name!r}, unless it runs as root")
    return name


def node(raw: object) -> str:
    """Read the name of a machine."""
    name = text(raw)
    if not _NODE.fullmatch(name):
        raise ValueError(
            "must begin with a letter or digit and go on with at most 63 letters, digits, "
            f"'.', '-' or '_', not {name!r}"
        )
    return name


def loopback_url(raw: object) -> str:
    """Read an http address of this machine's loopback interface."""
    found = _LOOPBACK.fullmatch(raw) if isinstance(raw, str) else None
    if found is None or int(found["port"] or 1) not in range(1, 65_536):
        raise ValueError("must be an http address of this machine's loopback")
    return found[0]


def exception_name(raw: object) -> str:
    """Read the name of an exception's class, alone or with its module."""
    if not isinstance(raw, str) or len(raw) > 200 or not _CLASS.fullmatch(raw):
        raise ValueError("must name a class such as ConnectionError or package.module.Error")
    return raw


def timezone(raw: object) -> str:
    """Read the name of a time zone; a zone object that has a name will do."""
    name = text(getattr(raw, "key", raw))
    if name == "UTC":
        return name
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"must be a time zone such as Europe/Berlin, not {name!r}") from None
    return name


def database(raw: object) -> str:
    """Read the address of a database in SQLAlchemy's form."""
    url = text(raw)
    if not _DATABASE.match(url):
        # The address may hold a password: only what stands before the colon is repeated.
        kind = url.split(":", maxsplit=1)[0]
        raise ValueError(f"must begin with sqlite: or postgresql:, not {kind!r}; {DATABASES}")
    if _IN_MEMORY.fullmatch(url):
        raise ValueError("must name a file: web, scheduler and supervisor share the database")
    return url


def script_types(raw: object) -> dict[str, tuple[str, ...]]:
    """Read a table from a suffix to the command that runs such scripts."""
    if not isinstance(raw, Mapping):
        reason = f"must be a dictionary such as {{'.rb': ['ruby']}}, not {raw!r}"
        raise ValueError(reason)  # noqa: TRY004 - every refusal of a reader is a ValueError
    return {_suffix(key): _command(key, value) for key, value in raw.items()}


def _suffix(raw: object) -> str:
    if not isinstance(raw, str) or not re.fullmatch(r"\.?[A-Za-z0-9]+", raw):
        raise ValueError(f"has a key that is no suffix such as '.rb': {raw!r}")
    return "." + raw.removeprefix(".").lower()


def _command(suffix: object, raw: object) -> tuple[str, ...]:
    command = tuple(raw.split()) if isinstance(raw, str) else raw
    if not isinstance(command, list | tuple) or not command:
        raise ValueError(f"needs a command for {suffix!r}, such as ['ruby'], not {raw!r}")
    if not all(isinstance(word, str) and word for word in command):
        raise ValueError(f"needs a command for {suffix!r} made of texts, not {raw!r}")
    return tuple(command)
