"""Which file of a folder is the web job's script (W4 to W10, Kudu: FindCommandToRun).

``run`` with any suffix wins over every other name; then comes the first file of the first type,
by name. Folders inside never count, except the one folder of a job that holds nothing else.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobsched.webjobs.places import entries, is_file, is_folder

# What lies beside a script without being part of the job.
METADATA = frozenset(
    {"settings.job", "disable.job", "singleton.job", "webjob-publish-settings.json"}
)
_LEFTOVER = "createdump"  # dotnet publish leaves it beside the program
_DEEPEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripts:
    """Which *suffixes* (lower case, with their dot) make a script, the preferred ones first.

    *can_run* tells whether what runs such a file is there.
    """

    suffixes: Sequence[str]
    can_run: Callable[[Path], bool]

    def choose(self, folder: Path, name: str) -> Path | None:
        """Return the script of the job *name* in *folder*, None if there is none.

        One that cannot be run here is passed over while there is another (W9).
        """
        found = self._all(inner_folder(folder))
        return self._first([path for path in found if self.can_run(path)] or found, name)

    def _all(self, folder: Path) -> Sequence[Path]:
        return [
            path
            for path in entries(folder)
            if path.suffix.lower() in self.suffixes and path.name.isprintable() and is_file(path)
        ]

    def _first(self, scripts: Iterable[Path], name: str) -> Path | None:
        return min(scripts, key=lambda path: self._rank(path, name), default=None)

    def _rank(self, path: Path, name: str) -> tuple[bool, int, bool, bool, str, str]:
        stem, suffix = path.stem.lower(), path.suffix.lower()
        program = suffix == ".exe"
        return (
            stem != "run",
            [*self.suffixes].index(suffix),
            program and stem == _LEFTOVER,
            not (program and stem == name.lower()),
            path.name.lower(),
            path.name,
        )


def inner_folder(folder: Path) -> Path:
    """Return *folder*, or the one folder inside that is all it holds, settings apart."""
    for _ in range(_DEEPEST):
        inside = [path for path in entries(folder) if path.name.lower() not in METADATA]
        if len(inside) != 1 or not _is_inner(inside[0]):
            return folder
        folder = inside[0]
    return folder


def _is_inner(path: Path) -> bool:
    return path.name.isprintable() and is_folder(path) and not path.is_symlink()
