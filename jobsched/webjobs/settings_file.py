"""The file settings.job of a web job: one JSON object, kept as it is, unknown keys included.

Kudu: a file that cannot be read counts as ``{}``; here its fault is told as well.
"""

import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobsched.webjobs.places import is_file

FILE = "settings.job"
PUBLISH_FILE = "webjob-publish-settings.json"
SINGLETON_FILE = "singleton.job"
DISABLE_FILE = "disable.job"
LARGEST = 256 * 1024  # bytes
DEEPEST = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFile:
    """The *values* of a file, and the *error* that kept them from being read."""

    values: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


def read(*folders: Path) -> SettingsFile:
    """Return the settings in the first of *folders* that has such a file."""
    return _read(FILE, folders)


def read_publish(*folders: Path) -> SettingsFile:
    """Return what Visual Studio has written about publishing the job."""
    return _read(PUBLISH_FILE, folders)


def write(values: Mapping[str, Any], *folders: Path) -> None:
    """Replace the file in the first of *folders* that has one, else make it in the first.

    The new file takes the place of the old one whole. Raises: OSError.
    """
    path = next((found for found in _paths(FILE, folders) if is_file(found)), folders[0] / FILE)
    text = text_of(values)
    handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def text_of(values: Mapping[str, Any]) -> str:
    """Return the text of a file that holds *values*."""
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def fault_of(values: Mapping[str, Any]) -> str | None:
    """Return what keeps *values* from being kept, as the end of a sentence; None if nothing."""
    if _depth(values) > DEEPEST:
        return f"is nested deeper than {DEEPEST}"
    try:
        length = len(text_of(values).encode())
    except UnicodeEncodeError:
        return "holds half a character"
    return f"is larger than {LARGEST} bytes" if length > LARGEST else None


def flag(name: str, *folders: Path) -> bool:
    """Return whether one of *folders* holds the empty file *name* that says yes."""
    return any(is_file(path) for path in _paths(name, folders))


def set_flag(name: str, yes: bool, *folders: Path) -> None:
    """Make the file *name* in the last of *folders*, or remove it from all. Raises: OSError."""
    if yes:
        (folders[-1] / name).touch()
    else:
        for path in _paths(name, folders):
            path.unlink(missing_ok=True)


def _paths(name: str, folders: tuple[Path, ...]) -> list[Path]:
    return [folder / name for folder in folders]


def _read(name: str, folders: tuple[Path, ...]) -> SettingsFile:
    path = next((found for found in _paths(name, folders) if is_file(found)), None)
    if path is None:
        return SettingsFile()
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        return _parsed(name, raw)
    except OSError as error:
        return SettingsFile(error=f"{name} cannot be read: {error.strerror}.")


def _parsed(name: str, raw: bytes) -> SettingsFile:
    if len(raw) > LARGEST:
        return SettingsFile(error=f"{name} is larger than {LARGEST} bytes.")
    if not raw.strip():
        return SettingsFile(error=f"{name} is empty.")
    try:
        text = raw.decode("utf-8-sig")
        values = json.loads(text, parse_constant=_no_number, parse_float=_number)
    except (ValueError, RecursionError) as error:
        return SettingsFile(error=f"{name} is not valid JSON: {error}.")
    if not isinstance(values, dict):
        return SettingsFile(error=f"{name} holds no JSON object.")
    if (fault := fault_of(values)) is not None:
        return SettingsFile(error=f"{name} {fault}.")
    return SettingsFile(values=values)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _number(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


def _depth(value: object) -> int:
    """Return how deep *value* is nested; what is deeper than allowed is not looked into."""
    depth, level = 0, [value]
    while level and depth <= DEEPEST:
        depth += 1
        inside = [list(each.values()) if isinstance(each, dict) else each for each in level]
        level = [part for each in inside if isinstance(each, list) for part in each]
    return depth
