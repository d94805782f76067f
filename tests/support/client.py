"""The command line as users have it: a process of its own, with its output and exit code."""

import json
import os
import subprocess
import sys
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobsched.cli import tree
from tests.support.server import CATALOG, ROOT, Server

# Set to nothing, these keep a command from being measured by coverage, which takes its time.
UNMEASURED = {"COVERAGE_PROCESS_START": "", "COVERAGE_PROCESS_CONFIG": ""}
COUNT = """
import sys
import time


class Count:
    \"\"\"Counts, one number a line.\"\"\"

    def __call__(self, info):
        for number in range(int(info.params.get("n", 3))):
            print(info.params.get("word", "number"), number, flush=True)
            time.sleep(float(info.params.get("pause", 0)))
        sys.exit(int(info.params.get("code", 0)))
"""
COUNTING = """
[count]
file=count.py
class=Count
jobsched.params=n, word, pause, code
"""
_INHERITED = ("PATH", "TZ", *UNMEASURED)
# Commands that ask a server, as far as there is one.
LOCAL = frozenset(
    {"serve", "web", "scheduler", "supervisor", "check", "preview", "completion", "record", "wrap"}
)


@dataclass(frozen=True, kw_only=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What is on stdout, as JSON."""
        return json.loads(self.out)


class Client:
    """Runs commands for the server at *url*, as a user whose home is *folder*."""

    def __init__(self, url: str, folder: Path, **environ: str) -> None:
        self.folder = folder
        home = {"HOME": str(folder), "PYTHONPATH": str(ROOT), "JOBSCHED_URL": url}
        path = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self.environ = {**path, **home, "LANG": "C.UTF-8", **environ}

    def __call__(self, *words: str, data: str = "", **environ: str) -> Said:
        """Run ``jobsched WORDS`` to its end, with *data* on stdin and more environment."""
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env={**self.environ, **environ},
            input=data.encode(),
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Said(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())

    def good(self, *words: str, **environ: str) -> Said:
        """Run a command that must not fail."""
        said = self(*words, **environ)
        assert said.code == 0, (words, said)
        return said

    def begin(self, *words: str, **streams: Any) -> "subprocess.Popen[bytes]":
        """Start a command; by default its output can be read."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        return subprocess.Popen(
            self.command(*words), cwd=self.folder, env=self.environ, bufsize=0, **pipes
        )

    def command(self, *words: str) -> list[str]:
        """Return the command line."""
        return [sys.executable, "-m", "jobsched", *words]


def counting(folder: Path, **options: Any) -> Server:
    """Return a server in *folder* whose catalog has the task ``count``."""
    texts: Mapping[str, str] = {"count.py": COUNT}
    return Server(folder, catalog=CATALOG + COUNTING, tasks=texts, **options)


def leaves() -> Iterator[tuple[str, ...]]:
    """Yield every command with its verb, as words."""
    return (way for way, parser in _parsers(tree.parser(), ()) if not _below(parser))


def options() -> set[str]:
    """Return the long options of all commands."""
    found = [text for _, parser in _parsers(tree.parser(), ()) for text in _options(parser)]
    return {text for text in found if text.startswith("--")}


def _options(parser: ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings


def _parsers(
    parser: ArgumentParser, way: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], ArgumentParser]]:
    yield way, parser
    for name, child in _below(parser).items():
        yield from _parsers(child, (*way, name))


def _below(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    below = [action for action in parser._actions if isinstance(action, _SubParsersAction)]
    return dict(below[0].choices) if below else {}
