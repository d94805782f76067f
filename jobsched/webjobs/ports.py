"""At which port of the loopback interface a continuous job was asked to listen, on each machine.

Whoever starts the job chooses the port (WEBJOBS_PORT), which is noted in a file; requests to the
job's passthrough address go there.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from jobsched.webjobs.places import Site, entries


def choose(site: Site, name: str, node: str) -> int:
    """Return a port at which nobody listens on the machine *node*, and note it for the job *name*.

    It is the one that the job had before, or one that no other job has: that one may not listen
    yet. Raises: OSError when there is none.
    """
    before = port_of(site, name, node)
    if before is not None and _is_free(before):
        return before
    taken = _others(site, name, node)
    port = next(port for port in _free() if port not in taken)
    note(site, name, node, port)
    return port


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


def _others(site: Site, name: str, node: str) -> set[int]:
    others = {path.name for path in entries(_path(site, name, node).parent)} - {name}
    found = {port_of(site, other, node) for other in others}
    return {port for port in found if port is not None}


def _is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError, OverflowError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


def _free() -> Iterator[int]:
    """Yield ports at which nobody listens, each of them once. Raises: OSError."""
    with ExitStack() as probes:  # while one is open, the next is another
        while True:
            probe = probes.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            yield int(probe.getsockname()[1])
