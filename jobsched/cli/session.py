"""One command that asks the server: its arguments, its connection, how it shows what it got."""

import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jobsched.cli import tables, terminal
from jobsched.cli.codes import FAILED, OK, code_of
from jobsched.client.failures import ClientError, Unexpected

if TYPE_CHECKING:
    from jobsched.client.api import Api

Row = Callable[[dict[str, Any]], Sequence[object]]


class Session:
    """The command's *arguments*, the server's interface, stdout and stderr."""

    def __init__(self, arguments: Namespace) -> None:
        self.arguments = arguments

    @cached_property
    def api(self) -> "Api":
        """The server that options and environment name. Raises: Misused."""
        from jobsched.client.access import find
        from jobsched.client.api import Api

        given = self.arguments
        return Api(find(given.url, given.token_file, given.cacert, os.environ))

    @cached_property
    def look(self) -> tables.Look:
        """How text is shown."""
        colour = terminal.has_colour(sys.stdout, os.environ)
        return tables.Look(utc=self.arguments.utc, colour=colour)

    def say(self, text: str) -> None:
        """Tell the user something on stderr, unless he wants it quiet."""
        if not self.arguments.quiet:
            terminal.say(text)

    def progress(self, what: str) -> terminal.Progress:
        """Return the line that shows what is waited for."""
        return terminal.Progress(what, quiet=self.arguments.quiet)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if "api" in self.__dict__:
            self.api.connection.close()

    # -- stdout -------------------------------------------------------------------------------

    def document(self, shown: object) -> None:
        """Print one thing as JSON, exactly as the server says it."""
        self.lines([json.dumps(shown, indent=2, ensure_ascii=False)])

    def facts(self, shown: Mapping[str, object]) -> None:
        """Print one thing: as JSON if asked for, else a fact a line."""
        self.document(shown) if self.arguments.json else self.lines(tables.facts(shown, self.look))

    def list(self, values: Iterable[dict[str, Any]], head: str, row: Row) -> None:
        """Print a list: as an array of JSON if asked for, else as a table under *head*."""
        if self.arguments.json:
            self._array(values)
            return
        rows = [row(value) for value in values]
        if rows:
            self.lines(tables.table(head.split(), rows, self.look))
        else:
            self.say("There is none.")

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines of text, at once."""
        for line in lines:
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def write(self, data: bytes) -> None:
        """Print bytes as they are, at once."""
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def _array(self, values: Iterable[dict[str, Any]]) -> None:
        """Print values as they come, one a line; no more than a page of them is in memory."""
        before = "["
        for value in values:
            sys.stdout.write(f"{before}\n{json.dumps(value, ensure_ascii=False)}")
            before = ","
        sys.stdout.write("[]\n" if before == "[" else "\n]\n")


def session(do: Callable[[Session], int | None]) -> Callable[[Namespace], int]:
    """Make a command of what uses a session; its failures are told, and give the exit code."""

    def act(arguments: Namespace) -> int:
        # A name that the terminal's encoding cannot show must not end a list.
        for stream in (sys.stdout, sys.stderr):
            getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
        opened = Session(arguments)
        try:
            return _done(do, opened)
        finally:
            opened.close()

    return act


def _done(do: Callable[[Session], int | None], opened: Session) -> int:
    try:
        code = do(opened) or OK
        sys.stdout.flush()
    except ClientError as error:
        return refused(error)
    except KeyError as missing:
        return refused(Unexpected(f"The answer has no {missing}; is it a jobsched server?"))
    except BrokenPipeError:
        raise
    except OSError as error:
        return _unwritten(error)
    return code


def _unwritten(error: OSError) -> int:
    """Tell that a file, mostly stdout, does not take what is written, and drop the rest of it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    terminal.say(f"jobsched: {error.filename or 'The output'}: {error.strerror}.")
    return FAILED


def refused(error: ClientError) -> int:
    """Tell what went wrong and return its exit code."""
    terminal.say(f"jobsched: {error.detail}")
    for line in error.more:
        terminal.say(f"  {line}")
    return code_of(error)
