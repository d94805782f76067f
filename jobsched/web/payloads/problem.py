"""An error as it is shown (RFC 9457), with the key of seed 002 beside."""

from typing import Annotated

from pydantic import Field

from jobsched.web.payloads.base import Payload


class FieldProblem(Payload):
    """One broken rule of one field."""

    field: str
    rule: str
    message: str


class Problem(Payload):
    """What is wrong, in a sentence; for input errors every wrong field."""

    type: Annotated[str, Field(description="Which error it is; see the list of errors.")]
    title: str
    status: int
    detail: str
    instance: str | None
    description: Annotated[str, Field(description="The same as detail.")]
    errors: list[FieldProblem] | None = None
