"""Loading a task: what cannot be loaded, and what a task file may import."""

import signal

import pytest

from tests.support.task_host import CALL, TaskHost, run
from tests.support.waiting import until


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise OSError('at import')", "OSError: at import"),
        ("class Job:\n    def __init__(self): raise KeyError('x')", "KeyError: 'x'"),
        ("class Job:\n    def __init__(self, a): pass", "missing 1 required positional argument"),
        ("class Job: pass", "TypeError: Job has no __call__(self, info)"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("class Jab: pass", "AttributeError: module 'job' has no attribute 'Job'"),
        ("def f(:", "SyntaxError: invalid syntax"),
    ],
)
def test_a_task_that_cannot_be_loaded_is_told_with_its_traceback(
    host: TaskHost, source: str, reason: str
) -> None:
    answer = host.load(source)

    assert answer["op"] == "failed"
    assert reason in answer["reason"]
    assert reason.rpartition(":")[2] in host.err
    assert "worker.py" not in host.err
    assert host.process.wait(10) == 1


def test_a_hanging_import_can_be_killed(host: TaskHost) -> None:
    host.send({"op": "load", "task": host.task("print('in')\nimport time\ntime.sleep(60)")})
    until(lambda: host.out)

    host.process.kill()

    assert host.process.wait(10) == -signal.SIGKILL


def test_a_task_file_named_like_a_module_of_the_library_harms_nobody(host: TaskHost) -> None:
    task = host.task("") | {"file": "queue.py"}
    (host.folder / "queue.py").write_text(
        "from concurrent.futures import ThreadPoolExecutor\n" + CALL + "print('fine')\n"
    )
    host.send({"op": "load", "task": task})

    assert host.answer() == {"op": "loaded"}
    assert host.call()["exit_code"] == 0


def test_a_task_may_import_its_neighbours(host: TaskHost) -> None:
    (host.folder / "neighbour.py").write_text("VALUE = 5\n")

    assert run(host, "import neighbour", "print(neighbour.VALUE)")["exit_code"] == 0
    assert host.out == "5\n"


def test_neighbours_of_the_program_are_no_modules_of_a_task(host: TaskHost) -> None:
    end = run(host, "import zygote")

    assert end["reason"] == "ModuleNotFoundError: No module named 'zygote'"


def test_a_task_process_holds_nothing_but_the_standard_library(host: TaskHost) -> None:
    end = run(
        host,
        "import sys",
        "files = [getattr(module, '__file__', None) or '' for module in sys.modules.values()]",
        "foreign = {file.partition('-packages/')[2].split('/')[0] for file in files}",
        "print(foreign - {'', 'coverage', '_distutils_hack'})",
        "print(*sorted(name for name in sys.modules if name.startswith('jobsched.')))",
    )

    assert end["exit_code"] == 0
    foreign, own = host.out.splitlines()
    assert foreign == "set()"
    assert own.replace("jobsched.", "").replace("execution.task.", "").split() == [
        "execution",
        "execution.task",
        "channel",
        "info",
        "reporting",
        "streams",
        "worker",
        "zygote",
        "watchdog",
    ]
