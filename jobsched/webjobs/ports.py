"""At which port of the loopback interface a continuous job was asked to listen, on each machine.

Whoever starts the job chooses the port (WEBJOBS_PORT) and notes it in a file; requests to the
job's passthrough address go there.
"""

from contextlib import suppress
from pathlib import Path

from jobsched.webjobs.places import Site


def note(site: Site, name: str, node: str, port: int) -> None:
    """Note the port of the job *name* on the machine *node*."""
    path = _path(site, name, node)
    with suppress(OSError):  # the job runs without
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.new")
        unfinished.write_text(f"{port}\n", encoding="ascii")
        unfinished.replace(path)


def port_of(site: Site, name: str, node: str) -> int | None:
    """Return the port of the job *name* on the machine *node*, None while it has had none."""
    try:
        return int(_path(site, name, node).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _path(site: Site, name: str, node: str) -> Path:
    return site.root / "tmp" / "ports" / node / name
