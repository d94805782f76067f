"""Files and folders one by one: list, read, write, delete (webjobs.md, section 6; Kudu: Vfs*)."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, BinaryIO
from urllib.parse import quote_from_bytes

from flask import Response, request
from pydantic_core import to_json

from jobsched.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    RangeNotSatisfiable,
    StaleVersion,
)
from jobsched.model import Role
from jobsched.web import gate, uploads
from jobsched.web.answers import untyped
from jobsched.web.context import operations
from jobsched.web.openapi import describes
from jobsched.web.vfs import addresses, jobs, kinds, logs, tags
from jobsched.web.vfs.addresses import Address
from jobsched.web.vfs.blueprint import JSON, route
from jobsched.webjobs import swapping
from jobsched.webjobs.staging import Staging
from jobsched.webjobs.tree import Node, shown

_BLOCK = 1 << 18
_TRUTH = {"true": True, "1": True, "false": False, "0": False}
# What a file says is no page of ours, whatever it holds.
_INERT = "sandbox; default-src 'none'"


@route("GET", "vfs")
@describes(
    answers={200: "application/octet-stream", 206: "application/octet-stream", 304: None},
    headers=("If-None-Match", "Range"),
    errors=(NotAllowed, NotFound, RangeNotSatisfiable),
)
def show_file(path: str = "") -> Response:
    """Show a file, or list a folder."""
    address = addresses.asked()
    try:
        address, node = _found(address)
    except NotFound:
        if logs.is_awaited(address.parts):
            return Response(b"", content_type=kinds.LOG)
        raise
    if not (node.is_file or node.is_folder):
        raise NotAllowed(f"{shown(node.name)} is a link or a special file.")
    if node.is_folder != address.slash:
        return redirected(slash=node.is_folder)
    if node.is_folder:
        return _listing(address)
    if not address.shows():
        gate.demand(Role.ADMIN)
    return _file(address)


@route("PUT", "vfs")
@gate.takes_uploads
@describes(answers={201: None, 204: None}, errors=(NotAllowed, StaleVersion, Conflict))
def put_file(path: str = "") -> Response:
    """Write a file, or make a folder where the path ends in a slash."""
    address = addresses.asked()
    node = address.tree.look(address.parts)
    if node is None:
        addresses.check_new(address)
        jobs.check_name(address)
    if address.slash or (node is not None and node.is_folder):
        return _make_folder(address, node)
    if node is not None:
        tags.require_match(node)
    return _write(address)


@route("DELETE", "vfs")
@describes(answers={200: None}, errors=(NotAllowed, NotFound, StaleVersion, Conflict))
def delete_file(path: str = "") -> Response:
    """Delete a file, or a folder; one that is not empty only with ``recursive=true``."""
    address = addresses.asked()
    node = address.tree.look(address.parts)
    if node is None:
        raise NotFound(f"There is no {shown(address.name)}.")
    if node.is_folder:
        _delete_folder(address, recursive=_recursive())
    elif address.slash:
        return redirected(slash=False)
    else:
        with jobs.alone(address):
            tags.require_match(address.tree.look(address.parts) or node)
            address.tree.delete_file(address.parts)
    jobs.look_again(address, surely=True)
    return untyped(200)


def redirected(*, slash: bool) -> Response:
    """Return the redirect to the same address with or without its last *slash*."""
    return untyped(307, location=addresses.url(slash=slash))


def _found(address: Address) -> tuple[Address, Node]:
    """Return what is asked for, also by the name that a log had in former times."""
    node = address.tree.look(address.parts)
    if node is None:
        real = logs.real(address.tree, address.parts)
        address = Address(address.tree, real, address.slash)
        node = address.tree.look(real)
    if node is None:
        raise NotFound(f"There is no {shown(address.name)}.")
    return address, node


def _listing(address: Address) -> Response:
    base, query = addresses.url(slash=True).partition("?")[0], addresses.query()
    folder = address.tree.path(address.parts)
    body = [
        _entry(node, base, query, shown(str(folder / node.name)))
        for node in address.tree.children(address.parts)
        if node.is_folder or address.shows(node.name)
    ]
    return Response(to_json(body) + b"\n", content_type=JSON)


def _entry(node: Node, base: str, query: str, path: str) -> dict[str, Any]:
    escaped = quote_from_bytes(os.fsencode(node.name), safe="~!$&'()*+,;=:@")
    return {
        "name": shown(node.name),
        "size": node.size,
        "mtime": tags.moment_of(node.mtime_ns).isoformat(),
        "crtime": tags.moment_of(node.ctime_ns).isoformat(),
        "mime": kinds.FOLDER if node.is_folder else kinds.media_type(node.name),
        "href": f"{base}{escaped}{'/' if node.is_folder else ''}{query}",
        "path": path,
    }


def _file(address: Address) -> Response:
    file, node = address.tree.read(address.parts)
    try:
        response = _response(address, file, node)
    except BaseException:
        file.close()
        raise
    response.call_on_close(file.close)
    return tags.dress(response, node)


def _response(address: Address, file: BinaryIO, node: Node) -> Response:
    if tags.is_known(node):
        return untyped(304)
    part = tags.wanted_part(node)
    first, end = part or (0, node.size)
    kind = kinds.LOG if address.is_log else kinds.media_type(node.name)
    response = Response(_blocks(file, first, end), 206 if part else 200, content_type=kind)
    response.headers["Content-Length"] = str(end - first)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Security-Policy"] = _INERT
    if part:
        response.headers["Content-Range"] = f"bytes {first}-{end - 1}/{node.size}"
    return response


def _blocks(file: BinaryIO, first: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of *file* from *first* to *end*; it may grow meanwhile."""
    file.seek(first)
    while first < end and (block := file.read(min(_BLOCK, end - first))):
        first += len(block)
        yield block


def _make_folder(address: Address, node: Node | None) -> Response:
    if node is not None:
        raise Conflict(f"{shown(address.name) or 'The root'} is there already.")
    address.tree.make_folder(address.parts)
    jobs.look_again(address)
    return untyped(201)


def _write(address: Address) -> Response:
    with Staging(operations.webjobs.site.staging()).entry() as entry:
        body = entry.receive(uploads.body())
        swapping.sync_one(body)
        with jobs.alone(address):
            # Once more: another client may have been faster.
            if (node := address.tree.look(address.parts)) is not None:
                tags.require_match(node)
            written = address.tree.put(address.parts, body)
    jobs.look_again(address)
    return tags.dress(untyped(201 if node is None else 204), written)


def _delete_folder(address: Address, *, recursive: bool) -> None:
    place = jobs.place_of(address)
    if recursive and place is not None:
        operations.webjobs.deployments.remove(place)
        return
    staging = Staging(operations.webjobs.site.staging())
    with staging.entry() if recursive else nullcontext() as entry, jobs.alone(address):
        address.tree.delete_folder(address.parts, None if entry is None else entry.old)


def _recursive() -> bool:
    """Return what the query says. Raises: InvalidInput."""
    text = request.args.get("recursive", "false").lower()
    if text not in _TRUTH:
        raise InvalidInput.field("recursive", "boolean", "recursive must be true or false.")
    return _TRUTH[text]
