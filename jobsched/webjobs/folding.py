"""Where in the site's tree the case of names does not count, as on the machines Kudu was made for.

Elsewhere it does: ``Run.sh`` and ``run.sh`` are two files.
"""

from collections.abc import Sequence
from pathlib import Path

from jobsched.webjobs.places import entries

# Names that are the same in every case (W3, webjobs.md, Settled 7); None = any name.
_FOLDED: tuple[tuple[str | None, ...], ...] = (
    ("site", "wwwroot", "app_data", "jobs", None, None),
    ("site", "jobs", None, None),
    ("data", "jobs", None, None),
    ("logfiles",),
)


def folds(parts: Sequence[str]) -> bool:
    """Return whether the last of *parts* stands at a place where case does not count."""
    lower = [part.lower() for part in parts]
    return any(
        len(pattern) >= len(lower)
        and all(wanted in {None, part} for wanted, part in zip(pattern, lower, strict=False))
        for pattern in _FOLDED
    )


def on_disk(folder: Path, name: str) -> str:
    """Return the entry of *folder* that is called *name*, else in another case, else *name*."""
    found = [path.name for path in entries(folder)]
    if name in found:
        return name
    return next((each for each in found if each.lower() == name.lower()), name)
