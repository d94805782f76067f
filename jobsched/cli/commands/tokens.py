"""``jobsched token``: in the data folder, with a server or without; with ``--url`` at a server."""

import os
from argparse import ArgumentParser, Namespace
from typing import Any

from jobsched.cli import local, times
from jobsched.cli.commands import base
from jobsched.cli.commands.base import Act, Commands
from jobsched.cli.session import Session, refused, session
from jobsched.client.failures import Misused

_URL = "do it at this server, as an admin, instead of in the data folder"


def add(commands: Commands, name: str, about: str) -> None:
    """Add the noun and its verbs."""
    verbs = base.noun(commands, name, about, "jobsched token list")
    about = "make a token and print it, this once"
    example = "jobsched token create --role operator --name ci --expires 90d"
    create = base.command(verbs, "create", _either(_create), about, example)
    create.add_argument("--role", required=True, help="viewer, operator or admin")
    create.add_argument("--name", required=True, help="whom it is for")
    create.add_argument("--expires", metavar="TIME", help="how long it is valid: 12h, 30d")
    example = "jobsched token list --url https://jobs.example.org"
    listing = base.command(verbs, "list", _either(_list), "list all tokens", example)
    about, example = "make a token invalid", "jobsched token revoke 3"
    revoke = base.command(verbs, "revoke", _either(_revoke), about, example)
    revoke.add_argument("id", type=int, help="its number, as in the list")
    for verb in (create, listing, revoke):
        _places(verb)


def _places(verb: ArgumentParser) -> None:
    verb.add_argument("--data-dir", metavar="DIR", help="the data folder of the server")
    verb.add_argument("--conf-dir", metavar="DIR", help="the configuration of the server")
    verb.add_argument("--url", metavar="URL", help=_URL)
    base.server(verb, url=False)


def _either(at_server: Any) -> Act:
    """Return the command that asks the server if there is ``--url``, else the data folder."""
    ask = session(at_server)

    def act(arguments: Namespace) -> int:
        if arguments.url is not None:
            return ask(arguments)
        if arguments.json or arguments.token_file or arguments.cacert:
            return refused(Misused("--json, --token-file and --cacert are for a server: --url."))
        return local.guarded(_local, arguments)

    return act


def _local(arguments: dict[str, Any]) -> int:
    from jobsched.app import tokens

    return tokens.run(arguments, os.environ)


def _create(asked: Session) -> None:
    given = asked.arguments
    expires = None if given.expires is None else times.moment(given.expires, 1)
    body = {"name": given.name, "role": given.role, "expires_at": expires}
    made = asked.api.change("POST", "/tokens", body).json
    asked.document(made) if given.json else asked.lines([made["token"]])


def _list(asked: Session) -> None:
    found = asked.api.get("/tokens")["values"]
    asked.list(found, "ID NAME ROLE EXPIRES USED", _row)


def _row(token: dict[str, Any]) -> tuple[object, ...]:
    return (token["id"], token["name"], token["role"], token["expires_at"], token["used_at"])


def _revoke(asked: Session) -> None:
    asked.api.change("DELETE", f"/tokens/{asked.arguments.id}")
    asked.say(f"Token {asked.arguments.id} is no longer valid.")
