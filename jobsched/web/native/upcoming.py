"""The route of what all jobs will do."""

from flask import Response

from jobsched.operations.upcoming import Moment
from jobsched.web.answers import page
from jobsched.web.context import operations
from jobsched.web.native.blueprint import native
from jobsched.web.native.shapes import Body, iso
from jobsched.web.openapi import describes
from jobsched.web.payloads import UpcomingList, UpcomingQuery
from jobsched.web.request import query


@native.get("/upcoming")
@describes(query=UpcomingQuery, answers={200: UpcomingList, 304: None}, headers=("If-None-Match",))
def list_upcoming() -> Response:
    """List what all jobs will do, the earliest first."""
    asked = query(UpcomingQuery)
    found = operations.upcoming.list(asked.hours, asked.limit, asked.cursor)
    return page([_body(moment) for moment in found.values], found.next)


def _body(moment: Moment) -> Body:
    return {
        "at": iso(moment.at),
        "job": moment.job_id,
        "name": moment.name,
        "p95": moment.p95,
        "running": moment.running,
    }
