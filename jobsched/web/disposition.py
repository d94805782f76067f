"""The file name in a Content-Disposition header, in every form in which clients send it.

Kudu's clients leave out quotes, write ``attachment`` twice, send UTF-8 as it is (curl), as RFC
2047 words (.NET) or as RFC 5987 values; some send a whole path.
"""

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from urllib.parse import unquote_to_bytes

from jobsched.errors import InvalidInput

LONGEST = 255  # bytes: what a file system takes
_FIELD = r"(?:^|[;,\s])filename\s*=\s*"
_EXTENDED = re.compile(r"(?:^|[;,\s])filename\*\s*=\s*\"?([\w-]*)'[^']*'([^;\"\s]+)", re.IGNORECASE)
_QUOTED = re.compile(_FIELD + r'"((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_PLAIN = re.compile(_FIELD + r'([^";][^;]*)', re.IGNORECASE)


def file_name(header: str | None) -> str:
    """Return the name of the file, without the folders before it.

    *header* is the text that WSGI gives, in which each character is a byte.

    Raises: InvalidInput when no name is there, or none that a file could have.
    """
    said = _said(header or "")
    if said is None:
        message = "A Content-Disposition header with filename= is needed."
        raise InvalidInput.field("Content-Disposition", "required", message)
    name = re.split(r"[/\\]", said.strip().strip('"'))[-1].strip()
    if name in {"", ".", ".."} or not name.isprintable() or len(name.encode()) > LONGEST:
        message = "The file name in Content-Disposition cannot be the name of a file."
        raise InvalidInput.field("Content-Disposition", "characters", message)
    return name


def _said(header: str) -> str | None:
    if (match := _EXTENDED.search(header)) is not None:
        return _decoded(unquote_to_bytes(match[2]), match[1])
    if (match := _QUOTED.search(header)) is not None:
        return _worded(re.sub(r'\\(["\\])', r"\1", match[1]))
    match = _PLAIN.search(header)
    return None if match is None else _worded(match[1])


def _decoded(raw: bytes, charset: str) -> str:
    try:
        return raw.decode("latin-1" if charset.lower() == "iso-8859-1" else "utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _worded(text: str) -> str:
    """Return *text* with its bytes taken as UTF-8 and with RFC 2047 words decoded."""
    text = _decoded(text.encode("latin-1", "replace"), "utf-8")
    if not text.startswith("=?"):
        return text
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, UnicodeDecodeError, ValueError):
        return text
