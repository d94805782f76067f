"""Whole folders as zip files: downloaded as a stream, uploaded over what is there."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

from flask import Response, request

from jobsched.errors import Conflict, InvalidInput, NotAllowed, NotFound
from jobsched.web import gate, uploads
from jobsched.web.answers import untyped
from jobsched.web.context import operations
from jobsched.web.disposition import file_name
from jobsched.web.openapi import describes
from jobsched.web.vfs import addresses, jobs, logs
from jobsched.web.vfs.addresses import Address
from jobsched.web.vfs.blueprint import route
from jobsched.web.vfs.files import redirected
from jobsched.webjobs import archive, packing, spreading
from jobsched.webjobs.staging import Staging
from jobsched.webjobs.tree import Parts, shown

ZIP = "application/zip"
_PLAIN = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_ROOT = "site"  # what a download of everything is called


@route("GET", "zip")
@describes(answers={200: ZIP}, errors=(NotAllowed, NotFound))
def show_archive(path: str = "") -> Response:
    """Download a folder as a zip file, made while it is sent."""
    address = addresses.asked()
    node = address.tree.look(address.parts)
    if node is None or not node.is_folder:
        raise NotFound(f"There is no folder {shown(address.name)}.")
    if not address.slash:
        return redirected(slash=True)
    shown_to_all = None if addresses.is_admin() else logs.is_written_by_us
    response = Response(_pieces(address, shown_to_all), content_type=ZIP)
    response.headers["Content-Disposition"] = _disposition(_download_name(address))
    return response


@route("PUT", "zip")
@gate.takes_uploads
@describes(answers={200: None}, errors=(NotAllowed, NotFound, Conflict, InvalidInput))
def put_archive(path: str = "") -> Response:
    """Unpack a zip file over a folder: adds and overwrites, never clears.

    The folder of a web job gets a new version as a whole, whether the path is that of the folder,
    or leads above or into it; just the folder takes a single file, too, whose name is in
    Content-Disposition (W28, W29).
    """
    address = addresses.asked()
    node = address.tree.look(address.parts)
    if node is None and not address.slash:
        raise NotFound(f"There is no folder {shown(address.name)}; a new one needs a last slash.")
    if node is not None and not node.is_folder:
        raise NotFound(f"{shown(address.name)} is no folder.")
    if archive.FORBIDDEN.intersection("".join(address.parts)):
        message = "The path has a character that no name in an archive may have."
        raise InvalidInput.field("path", "characters", message)
    addresses.check_new(address)
    jobs.check_name(address)
    place = jobs.place_of(address) if address.parts else None
    if place is None:
        _unpack(address)
    else:
        uploads.merge(place, _single_file())
    jobs.look_again(address)
    return untyped(200)


def _pieces(address: Address, allowed: Callable[[Parts], bool] | None) -> Iterator[bytes]:
    """Yield what *address* holds as a zip file: what is *allowed* of it, None = all."""

    def wanted(path: str) -> bool:
        return allowed is None or allowed((*address.parts, *path.split("/")))

    with address.tree.contents(address.parts) as folders:
        yield from packing.stream(folders, wanted)


def _download_name(address: Address) -> str:
    asked = next((value for key, value in request.args.items() if key.lower() == "filename"), "")
    name = asked.replace("\\", "/").rpartition("/")[2].strip()
    return name if name.isprintable() and name else f"{shown(address.name) or _ROOT}.zip"


def _disposition(name: str) -> str:
    """Return the header that gives a download its *name*, in the form that RFC 6266 asks for."""
    if _PLAIN.fullmatch(name):
        return f"attachment; filename={name}"
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def _unpack(address: Address) -> None:
    with Staging(operations.webjobs.site.staging()).entry() as entry:
        entry.added.mkdir()
        with entry.receive(uploads.body()).open("rb") as file:
            archive.unpack(file, entry.added)
        site, deployments = operations.webjobs.site, operations.webjobs.deployments
        with jobs.beside_jobs():
            spreading.lay(address.tree, site, deployments, address.parts, entry.added)


def _single_file() -> str | None:
    """Return the name of the file that the body is, None for a zip file.

    Raises: InvalidInput for a name that no file can have.
    """
    header = request.headers.get("Content-Disposition")
    if header is None or "filename" not in header.lower() or uploads.is_archive():
        return None
    name = file_name(header)
    return None if name.lower().endswith(".zip") else name
