"""Loading a task's class once and calling its instance, run after run, in a task process.

Standard library only: it lives in the task process.
"""

import importlib.util
import os
import resource
import sys
import threading
from collections.abc import Callable, Mapping
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import NoReturn

from jobsched import watchdog
from jobsched.execution.task import streams
from jobsched.execution.task.channel import Channel, Message
from jobsched.execution.task.info import Info, Reports

_CONF_DIR_VARIABLE = "JOBSCHED_CONF_DIR"  # read by RunScript
_MOST_CLASSES, _LONGEST_CLASS = 50, 200
_HIDDEN = (__file__, "<frozen importlib")
_PREFIX = "jobsched_task_"  # of the module of a task's file whose own name another one has
Task = Callable[[Info], object]


class Worker:
    """One task and its calls, one at a time; *before_end* is done before an end is told."""

    def __init__(self, channel: Channel, before_end: Callable[[], None] = lambda: None) -> None:
        self._channel = channel
        self._before_end = before_end
        self._instance: Task | None = None
        self._variables: dict[str, str] = {}
        self._folder = os.getcwd()
        self._pid = os.getpid()
        self._targets = streams.targets()

    def load(self, task: Message) -> None:
        """Make the one instance of *task*; if that fails, say why and end the process."""
        watchdog.attach(self._limit, float(task.get("livetime") or 0))
        if task.get("conf_dir"):
            self._variables = {_CONF_DIR_VARIABLE: str(task["conf_dir"])}
            os.environ.update(self._variables)
        try:
            self._instance = _load(task)
        except BaseException as error:  # user code: whatever it raises is the task's failure
            streams.print_traceback(error, *_HIDDEN)
            self._fail(error)
        streams.flush()
        self._channel.tell({"op": "loaded"})

    def call(self, message: Message) -> int:
        """Call the instance for one run, tell its end, return the exit code."""
        threads, cpu = threading.active_count(), _cpu_us()
        reports = Reports(self._channel.tell, (message.get("info") or {}).get("report"))
        code, reason, raised = self._run(message, Info(message.get("info") or {}, reports))
        self._before_end()
        reports.complete()
        streams.flush()
        ended = {
            "op": "ended",
            "exit_code": code,
            "reason": reason,
            "exceptions": [] if raised is None else classes_of(raised),
            "dirty": self._is_dirty(threads),
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "cpu_us": _cpu_us() - cpu,
        }
        self._channel.tell(ended)
        return code

    def _is_dirty(self, threads: int) -> bool:
        """Return whether the call left what would disturb the next: no other may follow it."""
        # Without its streams, what later runs print would be lost or go elsewhere.
        moved = streams.targets() != self._targets
        return moved or _has_children() or threading.active_count() > threads

    def _run(self, message: Message, info: Info) -> tuple[int, str | None, BaseException | None]:
        """Return exit code, reason and exception of one call, unless it kills us."""
        try:
            self._prepare(message)
            assert self._instance is not None  # noqa: S101 - the runner loads before it calls
            self._instance(info)
            end: tuple[int, str | None, BaseException | None] = (0, None, None)
        except SystemExit as leaving:
            end = (*_left(leaving), None)
        except BaseException as error:  # user code: whatever it raises is the run's end
            streams.print_traceback(error, *_HIDDEN)
            end = (1, _sentence(error), error)
        if os.getpid() != self._pid:
            streams.flush()
            os._exit(end[0])  # a child that the task forked and let return here
        return end

    def _prepare(self, message: Message) -> None:
        """Give the call the surroundings of its run, whatever the call before has left."""
        streams.restore()
        os.chdir(message.get("cwd") or self._folder)
        if message.get("env") is not None:
            replace_environment({**message["env"], **self._variables})

    def _limit(self, seconds: float | None) -> None:
        self._channel.tell({"op": "limit", "seconds": seconds})

    def _fail(self, error: BaseException) -> NoReturn:
        streams.flush()
        if os.getpid() == self._pid:
            facts = {"reason": _sentence(error), "exceptions": classes_of(error)}
            self._channel.tell({"op": "failed", **facts})
        os._exit(1)


def replace_environment(variables: Mapping[str, str]) -> None:
    """Make *variables* the whole environment of this process."""
    # The bytes behind os.environ: through its own methods, comparing was two thirds of a call.
    now: dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]  # noqa: SLF001
    wanted = {_encoded(name): _encoded(value) for name, value in variables.items()}
    if now == wanted:
        return
    for name in now.keys() - wanted.keys():
        del os.environb[name]
    for name, value in wanted.items():
        if now.get(name) != value:
            os.environb[name] = value


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _load(task: Message) -> Task:
    """Return an instance of the task's class, made with its arguments as strings."""
    folder = task["tasks_dir"]
    if folder not in sys.path:
        # Last, so that a task file named like a module of the library harms nobody.
        sys.path.append(folder)
    module = _module(os.path.join(folder, task["file"]))
    instance = getattr(module, task["class"])(**task["arguments"])
    if not callable(instance):
        raise TypeError(f"{task['class']} has no __call__(self, info)")
    return instance  # type: ignore[no-any-return]


def _module(path: str) -> ModuleType:
    """Import the file *path*, under its own name unless another module has it."""
    stem = os.path.splitext(os.path.basename(path))[0]
    taken = stem in sys.modules or stem in sys.stdlib_module_names
    name = f"{_PREFIX}{stem}" if taken else stem
    loader = SourceFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None  # noqa: S101 - there is one whenever a loader is given
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def _left(leaving: SystemExit) -> tuple[int, str | None]:
    """Return the exit code that Python itself would give, and a sentence if it is not 0."""
    code = leaving.code
    if code is not None and not isinstance(code, int):
        streams.restore()
        print(code, file=sys.stderr)  # noqa: T201 - as Python does
    status = code & 255 if isinstance(code, int) else int(code is not None)
    return status, f"The task called sys.exit({code!r})." if status else None


def _sentence(error: BaseException) -> str:
    """Return one line for *error*, as the last line of a traceback has it."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # user code: a __str__ that raises
        text = "?"
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return line if len(line) <= 300 else line[:299] + "…"


def classes_of(error: BaseException) -> list[str]:
    """Return the class of *error* and its bases with their modules, as in a traceback."""
    try:
        bases = type(error).__mro__[:_MOST_CLASSES]
        names = [f"{one.__module__}.{one.__qualname__}" for one in bases if one is not object]
        return [name.removeprefix(_PREFIX)[:_LONGEST_CLASS] for name in names]
    except Exception:  # user code: a metaclass can make anything of these names
        return []


def _has_children() -> bool:
    """Return whether processes of the call are left, alive or not waited for."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _cpu_us() -> int:
    """Return the CPU time of this process and its ended children, in microseconds."""
    parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return int(sum(part.ru_utime + part.ru_stime for part in parts) * 1_000_000)
