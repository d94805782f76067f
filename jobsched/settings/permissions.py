"""Files that decide what is executed must not be writable by everybody."""

import stat
from pathlib import Path

from jobsched.errors import Mistake


def world_writable(*paths: Path) -> list[Mistake]:
    """Return which of *paths* and their folders are open to all, so that anybody could run code."""
    places = dict.fromkeys(place for path in paths for place in (path, path.parent))
    return [
        Mistake(
            where=str(place),
            message=f"is writable by everybody, and decides what is executed; chmod o-w {place}",
        )
        for place in places
        if place.exists() and place.stat().st_mode & stat.S_IWOTH
    ]
