"""Routes of what runs write, and of what happens to them."""

import re

from flask import Response, request

from jobsched.errors import InvalidInput, RangeNotSatisfiable, UnknownRun
from jobsched.execution.output import Output
from jobsched.web import streams
from jobsched.web.context import operations
from jobsched.web.native.blueprint import native
from jobsched.web.openapi import describes
from jobsched.web.payloads import OutputQuery
from jobsched.web.request import query

TEXT = "text/plain; charset=utf-8"
OFFSET = "Output-Offset"  # where the first byte of the body stands; tail alone does not tell
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


@native.get("/runs/<number:run_id>/output")
@describes(
    query=OutputQuery,
    answers={200: "text/plain", 206: "text/plain"},
    headers=("Range",),
    errors=(UnknownRun, RangeNotSatisfiable),
)
def show_output(run_id: int) -> Response:
    """Show what a run wrote, byte for byte."""
    asked = query(OutputQuery)
    run = operations.runs.get(run_id)
    output = operations.outputs.of(run)
    offset = _offset(output, asked)
    if asked.follow:
        return _placed(streams.follow(run_id, asked.stream, offset), offset)
    size = output.size(asked.stream)
    if (part := _ranged(size)) is not None:
        response = _plain(output, asked.stream, part)
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {part[0]}-{part[1] - 1}/{size}"
        return response
    end = size if asked.limit is None else min(size, offset + asked.limit)
    return _placed(_plain(output, asked.stream, (offset, max(offset, end))), offset)


@native.get("/runs/<number:run_id>/events")
@describes(answers={200: "text/event-stream"}, errors=(UnknownRun,))
def show_run_events(run_id: int) -> Response:
    """Tell what happens to a run, as server-sent events, until it is done."""
    return streams.run_events(operations.runs.get(run_id).id)


@native.get("/events")
@describes(answers={200: "text/event-stream"})
def show_events() -> Response:
    """Tell what happens to all runs, as server-sent events."""
    return streams.all_events()


def _offset(output: Output, asked: OutputQuery) -> int:
    if asked.tail is None:
        return asked.offset
    if "offset" in asked.model_fields_set:
        raise InvalidInput.field("tail", "one_of", "Give only one of offset and tail.")
    return output.tail(asked.stream, asked.tail)


def _ranged(size: int) -> tuple[int, int] | None:
    """Return first and last + 1 of the bytes that the header Range names, None without one.

    Several ranges, other units and broken ones count as none, as RFC 9110 allows.

    Raises: RangeNotSatisfiable.
    """
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        first, last = max(0, size - int(match[2])), size - 1
    else:
        first, last = int(match[1]), int(match[2]) if match[2] else size - 1
        if match[2] and last < first:
            return None
        last = min(last, size - 1)
    if first > last:
        raise RangeNotSatisfiable(f"There are {size} bytes so far.", size=size)
    return first, last + 1


def _plain(output: Output, stream: str, part: tuple[int, int]) -> Response:
    begin, end = part
    response = Response(output.blocks(stream, begin, end - begin), content_type=TEXT)
    response.headers["Content-Length"] = str(end - begin)
    response.headers["Accept-Ranges"] = "bytes"
    return response


def _placed(response: Response, offset: int) -> Response:
    response.headers[OFFSET] = str(offset)
    return response
