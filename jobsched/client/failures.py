"""What can go wrong between a client and its server, told in a sentence for the user.

ClientError
├── Misused          what the user gave cannot be: address, token file, archive
│   └── Ambiguous    several things have the name that he gave
├── Missing          nothing has it
├── Unreachable      no server answers there
│   └── Closed       nobody listens there, which is known at once
├── Refused          the server's refusal (problem+json): status and broken rules
├── Unexpected       something answers, but not as a jobsched server does
└── TimeIsUp         a wait was longer than the user wants
"""

from collections.abc import Mapping, Sequence
from typing import Any

_HOW = "It comes from --token-file, JOBSCHED_TOKEN, JOBSCHED_TOKEN_FILE or the user's own file."


class ClientError(Exception):
    """A failure with a sentence, and further lines about it."""

    def __init__(self, detail: str, more: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.more = tuple(more)


class Misused(ClientError):
    pass


class Ambiguous(Misused):
    pass


class Missing(ClientError):
    pass


class Unreachable(ClientError):
    pass


class Closed(Unreachable):
    pass


class Unexpected(ClientError):
    pass


class TimeIsUp(ClientError):
    pass


class Refused(ClientError):
    """The server's refusal; of wrong input every broken rule is a line of *more*."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        errors = [each for each in problem.get("errors") or () if isinstance(each, dict)]
        lines = [f"{each.get('field')}: {each.get('message')}" for each in errors]
        detail = problem.get("detail") or problem.get("title") or f"refused with {status}"
        if status == 401:
            lines.append(_HOW)
        super().__init__(str(problem.get("title") if errors else detail), lines)
        self.status = status
