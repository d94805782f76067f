"""jobsched.cfg: a Python file, executed, and the line of every name that it sets."""

import ast
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType

from jobsched.errors import ConfigurationError, Mistake
from jobsched.settings.permissions import world_writable

_NOT_SETTINGS = (ModuleType, FunctionType, type)


@dataclass(frozen=True, slots=True, kw_only=True)
class CfgFile:
    """What the file sets. *lines* is keyed by the way down: ``("SCHED_CONFIG", "timezone")``."""

    path: Path
    values: Mapping[str, object] = field(default_factory=dict)
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    def where(self, *way: str) -> str:
        """Return ``file:line`` of the deepest known step of *way*."""
        for length in range(len(way), 0, -1):
            if way[:length] in self.lines:
                return f"{self.path}:{self.lines[way[:length]]}"
        return str(self.path)


def read(path: Path) -> CfgFile:
    """Execute the file at *path* and return the upper-case names that it sets.

    A file that does not exist sets nothing. Names that begin with an underscore or hold a
    lower-case letter are the file's own.

    Raises: ConfigurationError with file and line if it cannot be read, parsed or executed.
    """
    if not path.exists():
        return CfgFile(path=path)
    if mistakes := world_writable(path):
        raise ConfigurationError(mistakes)
    tree = _parse(path)
    names = _execute(path, tree)
    values = {name: value for name, value in names.items() if _is_setting(name, value)}
    return CfgFile(path=path, values=values, lines=dict(_lines(tree)))


def _is_setting(name: str, value: object) -> bool:
    return name.isupper() and name[0] != "_" and not isinstance(value, _NOT_SETTINGS)


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise _refusal(path, error.lineno, f"is not valid Python: {error.msg}") from error
    except ValueError as error:
        raise _refusal(path, None, f"is not valid Python: {error}") from error
    except OSError as error:
        raise _refusal(path, None, f"cannot be read: {error.strerror}") from error


def _execute(path: Path, tree: ast.Module) -> dict[str, object]:
    names: dict[str, object] = {"__file__": str(path), "__name__": "jobsched_cfg"}
    try:
        exec(compile(tree, str(path), "exec"), names)  # noqa: S102 - the file is code by design
    except (Exception, SystemExit) as error:
        # The user's code may raise anything; it is reported as a mistake at its line.
        line = _line_in(path, error)
        raise _refusal(path, line, f"{type(error).__name__}: {error}") from error
    return names


def _line_in(path: Path, error: BaseException) -> int | None:
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno for f in reversed(frames) if f.filename == str(path)), None)


def _refusal(path: Path, line: int | None, message: str) -> ConfigurationError:
    where = str(path) if line is None else f"{path}:{line}"
    return ConfigurationError([Mistake(where=where, message=message)])


def _lines(tree: ast.Module) -> Iterator[tuple[tuple[str, ...], int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        for name in (target.id for target in targets if isinstance(target, ast.Name)):
            yield (name,), node.lineno
            yield from _lines_of_keys((name,), value)


def _lines_of_keys(way: tuple[str, ...], node: ast.expr) -> Iterator[tuple[tuple[str, ...], int]]:
    if not isinstance(node, ast.Dict):
        return
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield (*way, key.value), key.lineno
            yield from _lines_of_keys((*way, key.value), value)
