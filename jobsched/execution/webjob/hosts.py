"""Which command runs the script of a web job, and what Kudu calls the host of such scripts.

Neither an executable bit nor a ``#!`` line counts: the suffix decides (webjobs.md, section 5).
"""

import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from jobsched.execution import regular
from jobsched.execution.script import SCRIPT_TYPES, ScriptMissing

_HOSTS: Mapping[str, str] = {
    ".cmd": "WindowsScriptHost",
    ".bat": "WindowsScriptHost",
    ".exe": "WindowsScriptHost",
    ".ps1": "PowerShellScriptHost",
    ".sh": "BashScriptHost",
    ".bash": "BashScriptHost",
    ".py": "PythonScriptHost",
    ".php": "PhpScriptHost",
    ".js": "NodeScriptHost",
    ".jar": "JarScriptHost",
}
_OF_WINDOWS = frozenset({".cmd", ".bat", ".exe"})
_INSTEAD: Mapping[str, str] = {"bash": "sh"}  # any machine has it, and it runs most scripts
_ELF = b"\x7fELF"


class BadArguments(Exception):
    """The arguments of a run cannot be taken apart."""


def command(
    script: Path, configured: Mapping[str, tuple[str, ...]], path: str | None
) -> tuple[str, ...]:
    """Return what stands before the script's name on its command line.

    *configured* is SCRIPT_TYPES of the settings, *path* the PATH on which programs are looked
    for. Returns: argv with an absolute program, such as ``("/usr/bin/bash",)``; nothing for a
    program that runs by itself. Raises: ScriptMissing naming what to install or to configure.
    """
    suffix = script.suffix.lower()
    if suffix not in configured and _is_program(script):
        return ()
    found = {**SCRIPT_TYPES, **configured}.get(suffix)
    if not found:
        raise ScriptMissing(
            f"The script {script.name} cannot run: nothing is known to run {suffix} files;"
            f" set SCRIPT_TYPES[{suffix!r}]."
        )
    program = shutil.which(found[0], path=path) or _instead(found[0], path)
    if program is None:
        advice = _advice(found[0], suffix, path)
        raise ScriptMissing(f"The script {script.name} cannot run: {advice}")
    return (program, *found[1:])


def host_of(script: str) -> str:
    """Return Kudu's name for what runs *script*: ``BashScriptHost``."""
    return _HOSTS.get(Path(script).suffix.lower(), "ScriptHost")


def split(arguments: str) -> list[str]:
    """Return the words of *arguments* as a POSIX shell would take them apart, nothing expanded.

    Raises: BadArguments for a quote that is not closed, and for a NUL character.
    """
    if "\0" in arguments:
        raise BadArguments("The arguments hold a NUL character.")
    try:
        return shlex.split(arguments)
    except ValueError as error:
        why = str(error).lower()
        raise BadArguments(f"The arguments cannot be taken apart: {why}: {arguments}") from None


def _is_program(script: Path) -> bool:
    """Return whether an .exe is a program of this system after all."""
    try:
        return script.suffix.lower() == ".exe" and regular.read(script, len(_ELF)) == _ELF
    except OSError:
        return False


def _instead(name: str, path: str | None) -> str | None:
    return shutil.which(_INSTEAD[name], path=path) if name in _INSTEAD else None


def _advice(name: str, suffix: str, path: str | None) -> str:
    if suffix in _OF_WINDOWS and name == SCRIPT_TYPES[suffix][0]:
        return (
            f"{suffix} files belong to Windows; set SCRIPT_TYPES[{suffix!r}] in jobsched.cfg"
            " to a command that runs them here."
        )
    if path is not None and shutil.which(name) is not None:
        return (
            f"{name} is installed here, but not on the PATH of the job, which is {path};"
            f" mend it, or set SCRIPT_TYPES[{suffix!r}]."
        )
    return f"{name} is not installed here; install it, or set SCRIPT_TYPES[{suffix!r}]."
