"""Routes of triggers: what one would do, without a job."""

from flask import Response

from jobsched.model import Role
from jobsched.web.answers import answer
from jobsched.web.context import operations
from jobsched.web.gate import changes_nothing, needs
from jobsched.web.native.blueprint import native
from jobsched.web.openapi import describes
from jobsched.web.payloads import PreviewAnswer, PreviewRequest
from jobsched.web.request import json_body


@native.post("/triggers/preview")
@needs(Role.VIEWER)
@changes_nothing
@describes(body=PreviewRequest, answers={200: PreviewAnswer})
def preview_trigger() -> Response:
    """Show the next moments of a trigger, and which days it skips; nothing is stored."""
    asked = json_body(PreviewRequest, also=operations.previews.mistakes)
    return answer(operations.previews.show(asked.asked(), asked.n).to_json())
