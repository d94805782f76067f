"""Files that are executed must not be writable by everybody."""

import stat
from pathlib import Path

from jobsched.errors import Mistake


def world_writable(path: Path) -> list[Mistake]:
    """Return why the code in *path* cannot be trusted: the file or its folder is open to all."""
    return [
        Mistake(
            where=str(place),
            message=f"is writable by everybody, and {path.name} is executed; chmod o-w {place}",
        )
        for place in (path, path.parent)
        if place.exists() and place.stat().st_mode & stat.S_IWOTH
    ]
