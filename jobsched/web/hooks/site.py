"""What clients of Kudu ask beside web jobs, and this server does not offer: it says so."""

from flask import Response

from jobsched.errors import NotAllowed, UnknownPage
from jobsched.web.hooks.blueprint import route
from jobsched.web.openapi import describes

_SHELL = "The remote shell is not offered here; deploy a web job and run it instead."
_DEPLOYMENTS = (
    "Deployments of whole sites are not offered here; PUT /api/zip/site/wwwroot/ unpacks a zip."
)


@route("POST", "/command")
@describes(answers={}, errors=(NotAllowed,))
def run_command() -> Response:
    """Refuse: a command of anybody's choice is what tokens and web jobs are there to prevent."""
    raise NotAllowed(_SHELL)


@route("POST", "/zipdeploy")
@describes(answers={}, errors=(UnknownPage,))
def deploy_zip() -> Response:
    """Refuse, and say what does it instead."""
    raise UnknownPage(_DEPLOYMENTS)


@route("GET", "/deployments/<deployment>")
@describes(answers={}, errors=(UnknownPage,))
def show_deployment(deployment: str) -> Response:
    """Refuse: there are no deployments of whole sites."""
    raise UnknownPage(_DEPLOYMENTS)
