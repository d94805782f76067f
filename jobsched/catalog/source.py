"""What a task file defines, read with ``ast``: no line of user code runs in the server."""

import ast
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_RUN_SCRIPT = ("jobsched.execution.script", "RunScript")


class Unreadable(Exception):
    """The file is no Python source; *line* is where, if known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One name that the file binds at its top level.

    *origin* is (module, name) of a ``from module import name``, else None. *summary* is the
    first line of the class's docstring, or of the file's for a name that comes from elsewhere.
    """

    line: int
    origin: tuple[str, str] | None = None
    summary: str | None = None

    @property
    def is_run_script(self) -> bool:
        """Whether the name is the built-in RunScript, only passed on by the file."""
        return self.origin == _RUN_SCRIPT


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The names of one file; *open* when a ``from x import *`` may bring any other."""

    definitions: Mapping[str, Definition]
    open: bool = False

    def find(self, name: str) -> Definition | None:
        """Return what *name* is, None if the file neither defines nor imports it."""
        known = self.definitions.get(name)
        return known or (Definition(line=1) if self.open else None)


def read(path: Path) -> Source:
    """Return the top-level names of the Python file *path*; the last binding of a name counts.

    Raises: Unreadable if the file cannot be read or is no Python.
    """
    module = _parse(path)
    summary = _first_line(module)
    found = dict(_bindings(module.body, summary))
    return Source(definitions={k: v for k, v in found.items() if k != "*"}, open="*" in found)


def _parse(path: Path) -> ast.Module:
    try:
        with warnings.catch_warnings():
            # An invalid escape in a task file is its author's business, not the server's log.
            warnings.simplefilter("ignore")
            return ast.parse(path.read_bytes(), filename=path.name)
    except SyntaxError as error:
        raise Unreadable(f"not valid Python: {error.msg}", error.lineno) from error
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"not valid Python: {error}") from error


def _bindings(body: list[ast.stmt], summary: str | None) -> Iterator[tuple[str, Definition]]:
    for statement in body:
        match statement:
            case ast.ClassDef():
                own = Definition(line=statement.lineno, summary=_first_line(statement))
                yield statement.name, own
            case ast.ImportFrom() | ast.Import():
                yield from _imports(statement, summary)
            case ast.Assign() | ast.AnnAssign():
                yield from _assigned(statement, summary)
            case _:
                for inner in _blocks(statement):
                    yield from _bindings(inner, summary)


def _imports(
    statement: ast.ImportFrom | ast.Import, summary: str | None
) -> Iterator[tuple[str, Definition]]:
    module = statement.module if isinstance(statement, ast.ImportFrom) else None
    for alias in statement.names:
        origin = (module, alias.name) if module else None
        yield (
            alias.asname or alias.name,
            Definition(line=statement.lineno, origin=origin, summary=summary),
        )


def _assigned(
    statement: ast.Assign | ast.AnnAssign, summary: str | None
) -> Iterator[tuple[str, Definition]]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id, Definition(line=statement.lineno, summary=summary)


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Yield the bodies of an ``if``, ``try`` or ``with``: they bind names of the module too."""
    if not isinstance(statement, ast.If | ast.Try | ast.TryStar | ast.With):
        return
    yield statement.body
    if isinstance(statement, ast.Try | ast.TryStar):
        for handler in statement.handlers:
            yield handler.body
        yield statement.finalbody
    if not isinstance(statement, ast.With):
        yield statement.orelse


def _first_line(node: ast.Module | ast.ClassDef) -> str | None:
    text = ast.get_docstring(node)
    return text.strip().splitlines()[0] if text and text.strip() else None
