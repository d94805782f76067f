"""A YAML file as values that know where they stand and what is wrong with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobsched.errors import Mistake
from jobsched.settings.suggestions import did_you_mean

LONGEST_FILE = 10_000_000  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One value: *path* leads to it, such as ``company.weekly[1]``; *mistakes* is shared by all.

    Values are read as they are written, whatever type YAML sees in them: ``18:00`` is no 1080
    and the country ``NO`` is not false.
    """

    file: Path
    path: str
    node: Any  # of PyYAML, which is loaded only when there is a file
    mistakes: list[Mistake]

    def wrong(self, message: str) -> None:
        """Note a mistake in this value."""
        where = f"{self.file}:{self.node.start_mark.line + 1}"
        self.mistakes.append(
            Mistake(where=f"{where}: {self.path}" if self.path else where, message=message)
        )

    def entries(self, example: str) -> "dict[str, Place] | None":
        """Return the values of a mapping by key; None, and a mistake, if it is none.

        *example* shows how one is written. Keys that stand there twice are mistakes.
        """
        if self.node.id != "mapping":
            self.wrong(f"must be a mapping such as {example}")
            return None
        found: dict[str, Place] = {}
        for key, value in self.node.value:
            if key.id != "scalar":
                self._below("", key).wrong("a key must be a word")
            elif key.value in found:
                self._below(key.value, key).wrong("stands there twice")
            else:
                found[key.value] = self._below(key.value, value)
        return found

    def items(self, example: str) -> "list[Place] | None":
        """Return the values of a list; None, and a mistake, if it is none."""
        if self.node.id != "sequence":
            self.wrong(f"must be a list such as {example}")
            return None
        return [
            Place(file=self.file, path=f"{self.path}[{number}]", node=node, mistakes=self.mistakes)
            for number, node in enumerate(self.node.value)
        ]

    def text(self, example: str) -> str | None:
        """Return a single value as it is written; None, and a mistake, if it is none."""
        if self.node.id != "scalar" or not self.node.value:
            self.wrong(f"must be written like {example}")
            return None
        return str(self.node.value)

    def only(self, found: "dict[str, Place]", known: tuple[str, ...]) -> None:
        """Note every key of *found* that is not *known*."""
        for key, place in found.items():
            if key not in known:
                place.wrong(f"there is no such key.{did_you_mean(key, known)}")

    def _below(self, key: str, node: Any) -> "Place":
        path = f"{self.path}.{key}" if self.path else key
        return Place(file=self.file, path=path, node=node, mistakes=self.mistakes)


def open_yaml(path: Path, mistakes: list[Mistake]) -> Place | None:
    """Return the value that the file at *path* holds.

    None if it is empty; and after noting one of *mistakes*, if it cannot be read.
    """
    import yaml  # only for those who use it: it is slow to import

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times faster
    try:
        node = yaml.compose(_text(path), Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = str(path) if mark is None else f"{path}:{mark.line + 1}"
        reason = getattr(error, "problem", None) or "cannot be parsed"
        mistakes.append(Mistake(where=where, message=f"is not valid YAML: {reason}"))
        return None
    except (OSError, ValueError, RecursionError) as error:
        mistakes.append(Mistake(where=str(path), message=f"cannot be read: {error}"))
        return None
    return None if node is None else Place(file=path, path="", node=node, mistakes=mistakes)


def _text(path: Path) -> str:
    if path.stat().st_size > LONGEST_FILE:
        raise ValueError(f"it is longer than {LONGEST_FILE} bytes")
    return path.read_text(encoding="utf-8-sig")
