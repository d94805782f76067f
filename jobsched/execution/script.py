"""Which command runs a script, and RunScript, the task that runs one.

Standard library only: a task process imports this.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from jobsched.watchdog import watchdog

# In the order in which WebJobs prefers them; the interpreter is looked up on PATH.
SCRIPT_TYPES: Mapping[str, tuple[str, ...]] = {
    ".cmd": ("cmd", "/c"),
    ".bat": ("cmd", "/c"),
    ".exe": ("cmd", "/c"),
    ".ps1": ("pwsh", "-NoProfile", "-File"),
    ".sh": ("bash",),
    ".bash": ("bash",),
    ".php": ("php",),
    ".py": (sys.executable or "python3",),
    ".js": ("node",),
    ".jar": ("java", "-jar"),
}
CONF_DIR_VARIABLE = "JOBSCHED_CONF_DIR"


class ScriptMissing(Exception):
    """Nothing can be started: the script, or what should interpret it, is not there."""


class ScriptFailed(Exception):
    """The script ended with a status other than 0; negative = the signal that ended it."""

    def __init__(self, script: str, status: int) -> None:
        how = f"by signal {_signal_name(-status)}" if status < 0 else f"with status {status}"
        super().__init__(f"The script {script!r} ended {how}.")
        self.script = script
        self.status = status


class Places(Protocol):
    """Where scripts are looked for and what interprets them, as Settings has it."""

    @property
    def conf_dir(self) -> Path: ...

    @property
    def script_types(self) -> Mapping[str, tuple[str, ...]]: ...


def command(arguments: Mapping[str, str], places: Places) -> list[str]:
    """Return the command line that runs the script of RunScript's *arguments*.

    An executable file that names its interpreter (``#!``) or has no known suffix runs itself;
    any other is given to the interpreter of its suffix.

    Returns: argv with absolute paths, such as ``["/usr/bin/bash", "/srv/conf/foo.bash"]``.
    Raises: ScriptMissing with the paths that were tried, or the interpreter.
    """
    types = {**SCRIPT_TYPES, **places.script_types}
    return command_for(find(arguments.get("script", ""), places.conf_dir), types)


def working_folder() -> Path:
    """Return the working directory; when somebody has removed it, where it was."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(os.readlink("/proc/self/cwd").removesuffix(" (deleted)"))


def find(script: str, conf_dir: Path | None) -> Path:
    """Return where *script* is: in the working directory, else next to catalog.cfg.

    Raises: ScriptMissing.
    """
    folders = [folder for folder in (working_folder(), conf_dir) if folder is not None]
    tried = list(dict.fromkeys(folder.absolute() / script for folder in folders))
    for path in tried:
        if path.is_file():
            return path
    looked = " and ".join(str(path) for path in tried)
    raise ScriptMissing(f"There is no script {script!r}: looked for {looked}.")


def command_for(path: Path, types: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the command line that runs the existing script *path*. Raises: ScriptMissing."""
    executable = os.access(path, os.X_OK)
    interpreter = types.get(path.suffix.lower())
    if executable and (interpreter is None or _names_interpreter(path)):
        return [str(path)]
    if interpreter is None:
        raise ScriptMissing(
            f"The script {path} cannot run: it is not executable, and its suffix"
            f" {path.suffix!r} is not one of {' '.join(types)}."
        )
    return [_program(interpreter, path), *interpreter[1:], str(path)]


def can_run(path: Path, types: Mapping[str, tuple[str, ...]]) -> bool:
    """Return whether :func:`command_for` knows a way to run the existing script *path*."""
    try:
        command_for(path, types)
    except ScriptMissing:
        return False
    return True


class RunScript:
    """Runs one script, JOB_LIVETIME seconds at the most; its output is the run's output."""

    def __init__(self, script: str) -> None:
        self.script = script

    @watchdog()
    def __call__(self, info: object) -> None:
        """Run the script.

        Raises: ScriptFailed if its status is not 0, ScriptMissing if it cannot be started.
        """
        folder = os.environ.get(CONF_DIR_VARIABLE)
        argv = command_for(find(self.script, Path(folder) if folder else None), SCRIPT_TYPES)
        sys.stdout.flush()  # what was printed before comes before what the script prints
        status = subprocess.run(argv, stdin=subprocess.DEVNULL, check=False).returncode
        if status != 0:
            raise ScriptFailed(self.script, status)


def _names_interpreter(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False  # executable but not readable: its suffix decides


def _program(interpreter: tuple[str, ...], path: Path) -> str:
    found = shutil.which(interpreter[0]) if interpreter else None
    if found is None:
        name = interpreter[0] if interpreter else "any interpreter"
        raise ScriptMissing(
            f"The script {path} cannot run: {name} is not installed here;"
            f" install it, or set SCRIPT_TYPES[{path.suffix!r}]."
        )
    return found


def _signal_name(number: int) -> str:
    try:
        return f"{number} ({signal.Signals(number).name})"
    except ValueError:
        return str(number)
