"""Which tasks may run: catalog.cfg and the folder with the task files.

Each section of the INI file is one task: ``file`` and ``class`` name its code, keys that start
with ``jobsched.`` say how its runs are treated, every other key is an argument of the class, a
string, its letter case kept. Reading the catalog never imports a task file.
"""

import configparser
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from jobsched.catalog import policy as policies
from jobsched.catalog import source as sources
from jobsched.catalog.policy import Isolation, TaskPolicy
from jobsched.errors import ConfigurationError, Mistake, UnknownTask
from jobsched.model import Policy
from jobsched.settings.permissions import world_writable
from jobsched.settings.suggestions import did_you_mean

__all__ = ["Catalog", "Isolation", "Task", "TaskPolicy", "load"]

FILE = "catalog.cfg"
MASK = "********"
Builtin = Literal["runscript", "shell", "webjob", "wrapped"]
_SECRET = re.compile(
    r"passw|passphrase|pwd|token|secret|key|credential|connection_?string", re.IGNORECASE
)
_LOGIN = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]*@")
# As in Server=db;Password=...;User=app and ...?sv=2024&sig=...
_PART = re.compile(
    r"(?P<name>(?:passw\w*|pwd|\w*key|\w*token|\w*secret|\bsig)\s*=\s*)[^;&\s]+", re.IGNORECASE
)
_HEADER = re.compile(r"\[(?P<name>.+)\]")
_AGAIN = "\0"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One entry: *class_name* of *file* below *tasks_dir*, made with *arguments*.

    *builtin* names the built-in that runs it without a Python process. *summary* is the first
    line of the class's docstring.
    """

    name: str
    tasks_dir: Path
    file: str
    class_name: str
    arguments: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold secrets
    builtin: Builtin | None = None
    policy: TaskPolicy = field(default_factory=TaskPolicy)
    summary: str | None = None

    @property
    def path(self) -> Path:
        """Where its code is."""
        return self.tasks_dir / self.file

    @property
    def params(self) -> tuple[str, ...]:
        """The parameters that a job or a run may give."""
        return self.policy.params

    @property
    def masked_arguments(self) -> dict[str, str]:
        """The arguments as they may be shown: values of secrets are stars."""
        return {name: masked(name, value) for name, value in self.arguments.items()}

    def timeout(self, policy: Policy, livetime: float) -> float | None:
        """Return the seconds that a run with *policy* may take, None = no limit.

        The run's own limit counts first, then the task's; a script without either has
        *livetime* (JOB_LIVETIME), a Python task only what its watchdog says.
        """
        fallback = livetime if self.builtin == "runscript" else 0.0
        return _first(policy.timeout, self.policy.timeout, fallback)

    def idle_timeout(self, policy: Policy) -> float | None:
        """Return the seconds without output after which a run is ended, None = no limit."""
        return _first(policy.idle_timeout, self.policy.idle_timeout, 0.0)


WEB_JOB = "WebJob"
SHELL = "shell"
WRAPPED = "wrapped"
# Tasks that no catalog names: their jobs come into being in other ways than by a request.
_BUILT_IN: Mapping[str, Task] = {
    WEB_JOB: Task(
        name=WEB_JOB,
        tasks_dir=Path(),
        file="",
        class_name=WEB_JOB,
        builtin="webjob",
        policy=TaskPolicy(params=("arguments",)),
        summary="Runs the script in the folder of a web job.",
    ),
    SHELL: Task(
        name=SHELL,
        tasks_dir=Path(),
        file="",
        class_name=SHELL,
        builtin="shell",
        policy=TaskPolicy(params=("command", "group", "sync", "outlog", "errlog")),
        summary="Runs a command with bash.",
    ),
    WRAPPED: Task(
        name=WRAPPED,
        tasks_dir=Path(),
        file="",
        class_name=WRAPPED,
        builtin="wrapped",
        summary="Records what `jobsched wrap` runs elsewhere.",
    ),
}


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tasks by name, in the order of the file; these are what anybody may ask for."""

    tasks: Mapping[str, Task]

    def get(self, name: str) -> Task:
        """Return the task named *name*, built in or not. Raises: UnknownTask."""
        return _BUILT_IN[name] if name in _BUILT_IN else self.offered(name)

    def offered(self, name: str) -> Task:
        """Return the task named *name* for a request. Raises: UnknownTask."""
        if name not in self.tasks:
            raise UnknownTask(name)
        return self.tasks[name]

    def names(self) -> list[str]:
        """Return the names in the order of the file."""
        return list(self.tasks)

    def __contains__(self, name: object) -> bool:
        return name in self.tasks or name in _BUILT_IN

    def __iter__(self) -> Iterator[Task]:
        return iter(self.tasks.values())


def load(conf_dir: Path, tasks_dir: Path) -> Catalog:
    """Read the catalog of *conf_dir*, whose task files are in *tasks_dir*.

    Raises: ConfigurationError with every mistake of the catalog and of the task files.
    """
    return _Reader(conf_dir / FILE, tasks_dir.absolute()).catalog()


class _Reader:
    """Reads one catalog file and gathers what is wrong with it."""

    def __init__(self, path: Path, tasks_dir: Path) -> None:
        self._path = path
        self._tasks_dir = tasks_dir
        self._mistakes: list[Mistake] = []
        self._sources: dict[str, sources.Source | None] = {}

    def catalog(self) -> Catalog:
        self._mistakes += world_writable(self._path, *sorted(self._tasks_dir.glob("*.py")))
        parser, lines = self._parse()
        tasks = [
            self._task(_name_of(key), parser[key], lines.get(key)) for key in parser.sections()
        ]
        if self._mistakes:
            raise ConfigurationError(self._mistakes)
        return Catalog({task.name: task for task in tasks if task})

    def _wrong(self, message: str, line: int | None = None, section: str | None = None) -> None:
        where = (
            str(self._path) + (f":{line}" if line else "") + (f" [{section}]" if section else "")
        )
        self._mistakes.append(Mistake(where=where, message=message))

    def _parse(self) -> tuple[configparser.RawConfigParser, dict[str, int]]:
        text, repeated = _with_unique_sections(self._text())
        for name, line in repeated:
            self._wrong(f"there is a second section [{name}]", line)
        try:
            parser = self._read(text, strict=True)
        except configparser.DuplicateOptionError as error:
            message = f"{error.option!r} stands twice in [{_name_of(error.section)}]"
            self._wrong(message, error.lineno)
            parser = self._read(text, strict=False)  # the other mistakes are wanted too
        return parser, _section_lines(text)

    def _read(self, text: str, *, strict: bool) -> configparser.RawConfigParser:
        # A default section would leak into every task: give it a name that cannot be written.
        parser = configparser.RawConfigParser(strict=strict, default_section="\n")
        parser.optionxform = str  # type: ignore[method-assign, assignment]
        try:
            parser.read_string(text)
        except configparser.MissingSectionHeaderError as error:
            self._wrong(f"stands before the first [section]: {error.line.strip()}", error.lineno)
        except configparser.ParsingError as error:
            for line, shown in error.errors:
                self._wrong(f"neither a [section] nor 'key = value': {shown}", line)
        return parser

    def _text(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8-sig")
        except OSError as error:
            self._wrong(f"cannot be read: {error.strerror}")
        except UnicodeDecodeError as error:
            self._wrong(f"is not UTF-8 at byte {error.start}")
        return ""

    def _task(self, name: str, options: Mapping[str, str], line: int | None) -> Task | None:
        before = len(self._mistakes)
        policy = self._policy(name, options, line)
        file = self._file(name, options, line)
        found = self._class(name, options, file, line)
        arguments = {key: value for key, value in options.items() if _is_argument(key)}
        builtin: Builtin | None = "runscript" if found and found.is_run_script else None
        self._check_name(name, line)
        if builtin:
            self._check_run_script(name, arguments, line)
        if len(self._mistakes) > before or found is None:
            return None
        return Task(
            name=name,
            tasks_dir=self._tasks_dir,
            file=file,
            class_name=options["class"],
            arguments=arguments,
            builtin=builtin,
            policy=policy,
            summary=found.summary,
        )

    def _check_name(self, name: str, line: int | None) -> None:
        if len(name) > 200 or _CONTROL.search(name):
            self._wrong("a task's name has 1 to 200 characters, no control characters", line)
        if name in _BUILT_IN:
            self._wrong("this name belongs to a built-in task", line, name)
        if name.startswith(policies.PREFIX):
            self._wrong(f"names that start with {policies.PREFIX!r} are reserved", line, name)

    def _policy(self, name: str, options: Mapping[str, str], line: int | None) -> TaskPolicy:
        prefix = policies.PREFIX
        given = {k.removeprefix(prefix): v for k, v in options.items() if k.startswith(prefix)}
        policy, wrong = policies.read(given)
        for message in wrong:
            self._wrong(message, line, name)
        return policy

    def _file(self, name: str, options: Mapping[str, str], line: int | None) -> str:
        """Return the base name of the task's file: no path leads out of the tasks folder."""
        file = PurePosixPath(options.get("file", "").replace("\\", "/")).name
        if "file" not in options:
            self._wrong("'file' is missing: the Python file with the task's class", line, name)
            return ""
        if not (self._tasks_dir / file).is_file():
            present = sorted(path.name for path in self._tasks_dir.glob("*.py"))
            near = did_you_mean(file, present)
            self._wrong(f"there is no file {file!r} in {self._tasks_dir}.{near}", line, name)
            return ""
        return file

    def _class(
        self, name: str, options: Mapping[str, str], file: str, line: int | None
    ) -> sources.Definition | None:
        wanted = options.get("class", "")
        if not wanted:
            self._wrong("'class' is missing: the name of the task's class", line, name)
        source = self._source(name, file, line) if file else None
        if not (wanted and source):
            return None
        found = source.find(wanted)
        if found is None:
            near = did_you_mean(wanted, source.definitions)
            self._wrong(f"{file} neither defines nor imports {wanted!r}.{near}", line, name)
        return found

    def _source(self, name: str, file: str, line: int | None) -> sources.Source | None:
        """Return what *file* defines; several sections may share it."""
        if file not in self._sources:
            try:
                self._sources[file] = sources.read(self._tasks_dir / file)
            except sources.Unreadable as error:
                self._sources[file] = None
                at = f":{error.line}" if error.line else ""
                self._wrong(f"{file}{at}: {error}", line, name)
        return self._sources[file]

    def _check_run_script(self, name: str, arguments: Iterable[str], line: int | None) -> None:
        given = list(arguments)
        if "script" not in given:
            self._wrong("'script' is missing: the script that RunScript runs", line, name)
        for argument in given:
            if argument != "script":
                near = did_you_mean(argument, ["script"])
                self._wrong(f"RunScript has no argument {argument!r}.{near}", line, name)


def _with_unique_sections(text: str) -> tuple[str, list[tuple[str, int]]]:
    """Return *text* with repeated headers marked, so that each section is checked by itself.

    Second: name and line of each header that stands there again.
    """
    lines, seen = text.splitlines(), set[str]()
    repeated: list[tuple[str, int]] = []
    for number, line in enumerate(lines, start=1):
        match = _HEADER.match(line)
        if match and match["name"] in seen:
            repeated.append((match["name"], number))
            lines[number - 1] = f"[{match['name']}{_AGAIN}{number}]"
        elif match:
            seen.add(match["name"])
    return "\n".join(lines), repeated


def _name_of(key: str) -> str:
    """Return the section's name as it was written."""
    return key.partition(_AGAIN)[0]


def _section_lines(text: str) -> dict[str, int]:
    """Return the line of each section's header, for messages."""
    matches = ((number, _HEADER.match(line)) for number, line in enumerate(text.splitlines(), 1))
    return {match["name"]: number for number, match in matches if match}


def _is_argument(key: str) -> bool:
    return key not in {"file", "class"} and not key.startswith(policies.PREFIX)


def masked(name: str, value: str) -> str:
    """Return *value* as everybody may see it: stars when *name* or *value* tell of a secret."""
    if _SECRET.search(name):
        return MASK
    return _PART.sub(rf"\g<name>{MASK}", _LOGIN.sub(rf"\1:{MASK}@", value))


def _first(*limits: float | None) -> float | None:
    """Return the first limit that is said; 0 says that there is none."""
    said = next((limit for limit in limits if limit is not None), 0.0)
    return said or None
