"""What a server must have for itself before it starts anything: its node in the data folder."""

import fcntl
import os
from pathlib import Path

from jobsched.errors import ConfigurationError, Mistake


def data_folder(data_dir: Path, node: str, *, volatile: bool = False) -> list[int]:
    """Return the descriptors that hold *node* in the data folder for this server.

    Servers with other nodes may share the folder; only one of them may have a *volatile* database,
    which is emptied at the start. POSIX record locks: the parts do not inherit them, so they die
    with the parent.
    Raises: ConfigurationError when another server has it, or it cannot be written.
    """
    names = [f"server.{node}.lock", *(["server.volatile.lock"] if volatile else [])]
    files = [_opened(data_dir, name) for name in names]
    try:
        for file in files:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        for file in files:
            os.close(file)
        message = f"another server is using {data_dir} as node {node!r}"
        raise ConfigurationError([Mistake(where="--data-dir", message=message)]) from error
    return files


def _opened(data_dir: Path, name: str) -> int:
    try:
        return os.open(data_dir / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"cannot be used: {error.strerror}: {data_dir}"
        raise ConfigurationError([Mistake(where="--data-dir", message=message)]) from error
