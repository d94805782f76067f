"""Which file of a folder is the web job's script (W4 to W10, Kudu: FindCommandToRun).

``run`` with any suffix wins over every other name; then comes the first file of the first type,
by name. Folders inside never count, except the one folder of a job that holds nothing else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

# The seed's order; .ps1 as seed 004 has it, .jar as today's documentation.
SUFFIXES = (".cmd", ".bat", ".exe", ".ps1", ".sh", ".php", ".py", ".js", ".jar")
NO_SCRIPTS = frozenset({"settings.job", "disable.job", "webjob-publish-settings.json"})
_LEFTOVER = "createdump"  # dotnet publish leaves it beside the program
_DEEPEST = 8

CanRun = Callable[[str], bool]


def choose(folder: Path, name: str, can_run: CanRun) -> Path | None:
    """Return the script of the job *name* in *folder*, None if there is none.

    A type for whose suffix *can_run* says no is passed over while another type can (W9).
    """
    inside = inner_folder(folder)
    scripts = _scripts(inside)
    runnable = [path for path in scripts if can_run(path.suffix.lower())]
    return _first(runnable or scripts, name)


def inner_folder(folder: Path) -> Path:
    """Return *folder*, or the one folder inside that is all it holds, settings apart."""
    for _ in range(_DEEPEST):
        entries = [path for path in _entries(folder) if path.name.lower() not in NO_SCRIPTS]
        if len(entries) != 1 or not entries[0].is_dir() or entries[0].is_symlink():
            return folder
        folder = entries[0]
    return folder


def _scripts(folder: Path) -> Sequence[Path]:
    return [
        path
        for path in _entries(folder)
        if path.suffix.lower() in SUFFIXES and path.is_file()
    ]


def _first(scripts: Iterable[Path], name: str) -> Path | None:
    ranks: Mapping[str, int] = {suffix: place for place, suffix in enumerate(SUFFIXES)}
    return min(scripts, key=lambda path: _rank(path, name, ranks), default=None)


def _rank(path: Path, name: str, ranks: Mapping[str, int]) -> tuple[bool, int, bool, bool, str]:
    stem, suffix = path.stem.lower(), path.suffix.lower()
    program = suffix == ".exe"
    return (
        stem != "run",
        ranks[suffix],
        program and stem == _LEFTOVER,
        not (program and stem == name.lower()),
        path.name.lower(),
    )


def _entries(folder: Path) -> Sequence[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
