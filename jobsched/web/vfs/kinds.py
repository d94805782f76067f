"""Which media type a file has, by its name; never one that a browser would take for a page."""

import mimetypes
from pathlib import PurePosixPath

FOLDER = "inode/directory"
PLAIN = "text/plain"
LOG = "text/plain; charset=utf-8"
_USUAL = "application/octet-stream"
_OURS = {
    ".js": "application/javascript",
    ".json": "application/json",
    ".job": "application/json",
    ".log": PLAIN,
    ".md": PLAIN,
}
# A job could write these, and whoever looks at them is logged in here.
_PAGES = frozenset({"text/html", "application/xhtml+xml", "image/svg+xml", "text/xml"})
_TABLE = mimetypes.MimeTypes(filenames=())  # the machine's own tables differ


def media_type(name: str) -> str:
    """Return the media type of the file called *name*."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _OURS:
        return _OURS[suffix]
    found, packed = _TABLE.guess_type(f"x{suffix}")
    if found is None or packed is not None:
        return _USUAL
    return PLAIN if found in _PAGES or found.endswith("xml") else found
