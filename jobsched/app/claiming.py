"""What a server must have for itself before it starts anything: its data folder."""

import fcntl
import os
from pathlib import Path

from jobsched.errors import ConfigurationError, Mistake


def data_folder(data_dir: Path) -> int:
    """Return the descriptor that holds the data folder for this server.

    A POSIX record lock: the parts do not inherit it, so it dies with the parent.
    Raises: ConfigurationError when another server has it, or it cannot be written.
    """
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        file = os.open(data_dir / "server.lock", flags, 0o600)
    except OSError as error:
        message = f"cannot be used: {error.strerror}: {data_dir}"
        raise ConfigurationError([Mistake(where="--data-dir", message=message)]) from error
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        message = f"another server is using {data_dir}"
        raise ConfigurationError([Mistake(where="--data-dir", message=message)]) from error
    return file
