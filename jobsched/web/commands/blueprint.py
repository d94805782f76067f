"""The blueprint of the text commands, and the form of their answers.

Every command takes GET and POST. Answers are lines of text; what a command itself refuses is a
line that begins with ``Error:``, under status 200 as the original has it. What the server refuses
(no token, too many requests, something is full) keeps its status.
"""

import functools
from collections.abc import Callable, Mapping
from typing import cast

from flask import Blueprint, Flask, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import MethodNotAllowed

from jobsched.errors import InvalidInput, RunAlreadyFinished, UnknownRun
from jobsched.web import problems
from jobsched.web.commands.describing import query_of
from jobsched.web.openapi import describes

TEXT = "text/plain; charset=utf-8"
METHODS = ("GET", "POST")
_ADDRESSES = r"/(submit|jobinfo|kill|wait|shutdown|help)/?$"
commands = Blueprint("commands", __name__)


def command(name: str) -> Callable[[Callable[[], Response]], Callable[[], Response]]:
    """Add a view as the command called *name*."""

    def add(view: Callable[[], Response]) -> Callable[[], Response]:
        @functools.wraps(view)
        def guarded() -> Response:
            if request.method not in METHODS:  # HEAD, which Flask adds, must do nothing
                raise MethodNotAllowed(METHODS)
            try:
                return view()
            except InvalidInput as error:
                return text(*(complaint(one.message) for one in error.errors))

        describes(answers={200: "text/plain"}, query=query_of(name))(guarded)
        commands.add_url_rule(f"/{name}", name, guarded, methods=METHODS)
        return view

    return add


def text(*lines: str) -> Response:
    """Return *lines* as an answer."""
    return Response("".join(line + "\n" for line in lines).encode(), content_type=TEXT)


def complaint(message: str) -> str:
    """Return the line that tells what is wrong."""
    return f"Error: {message}"


def about(error: UnknownRun | RunAlreadyFinished, number: str) -> str:
    """Return the line that tells why nothing can be done to the job *number*."""
    what = "does not exist" if isinstance(error, UnknownRun) else "has finished"
    return complaint(f"Job {number} {what}")


@commands.record_once
def _tell_problems(state: BlueprintSetupState) -> None:
    problems.speak(cast(Flask, state.app), _ADDRESSES, _as_line)


def _as_line(problem: Mapping[str, object]) -> tuple[bytes, str]:
    return f"{complaint(str(problem['detail']))}\n".encode(), TEXT
