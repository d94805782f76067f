"""The task zoo: real task processes, each with its exact verdict."""

import ctypes
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.task_host import TaskHost
from tests.support.waiting import until

CALL = "class Job:\n    def __call__(self, info):\n        "


@pytest.fixture
def host(tmp_path: Path) -> Iterator[TaskHost]:
    with TaskHost(tmp_path) as host:
        yield host


def run(host: TaskHost, *lines: str) -> dict[str, object]:
    """Load a task whose call is *lines*, call it once, return how it ended."""
    assert host.load(CALL + "\n        ".join(lines)) == {"op": "loaded"}
    return host.call()


def test_a_task_is_told_about_its_run(host: TaskHost) -> None:
    host.load(
        CALL + "job, limit = info\n"
        "        print(job, limit, info.job_id, info.timeout, info.run_id, info.attempt)\n"
        "        print(info.due_at.isoformat(), info.params, info.records)\n"
    )

    host.call(
        info={
            "job_id": "j",
            "run_id": 7,
            "attempt": 2,
            "due_at": "2026-01-02T03:04:05.000006Z",
            "params": {"region": "eu"},
            "records": [],
        }
    )

    assert host.out.splitlines() == [
        "j 60 j 60 7 2",
        "2026-01-02T03:04:05.000006+00:00 {'region': 'eu'} []",
    ]


def test_arguments_are_keywords_with_their_letter_case_and_text_values(host: TaskHost) -> None:
    host.load(
        "class Job:\n    def __init__(self, **given): self.given = given\n"
        "    def __call__(self, info): print(self.given)\n",
        myFineParameter="1",
        Phrase="a%b",
    )

    host.call()

    assert host.out == "{'myFineParameter': '1', 'Phrase': 'a%b'}\n"


def test_one_instance_is_called_run_after_run(host: TaskHost) -> None:
    host.load(
        "class Job:\n    calls = 0\n    def __init__(self): print('made')\n"
        "    def __call__(self, info):\n        self.calls += 1\n        print(self.calls)\n"
    )

    ends = [host.call(), host.call()]

    assert [(end["exit_code"], end["reason"], end["dirty"]) for end in ends] == [
        (0, None, False),
        (0, None, False),
    ]
    assert host.out == "made\n1\n2\n"
    assert host.close() == 0


def test_an_end_comes_with_its_cost(host: TaskHost) -> None:
    end = run(host, "sum(range(300_000))")

    assert isinstance(end["cpu_us"], int)
    assert 0 < end["cpu_us"] < 10_000_000
    assert isinstance(end["peak_bytes"], int)
    assert end["peak_bytes"] > 1_000_000


def test_an_exception_is_a_failure_with_its_traceback(host: TaskHost) -> None:
    end = run(host, "raise ValueError('bad', 'value')")

    assert (end["exit_code"], end["reason"]) == (1, "ValueError: ('bad', 'value')")
    assert host.err.startswith("Traceback (most recent call last):\n  File ")
    assert host.err.count("File ") == 1
    assert 'job.py", line 3, in __call__' in host.err
    assert host.err.endswith("ValueError: ('bad', 'value')\n")


def test_a_failed_call_leaves_the_worker_fit_for_the_next(host: TaskHost) -> None:
    run(host, "if info.run_id == 1: raise ValueError")

    assert host.call(info={"run_id": 1})["exit_code"] == 1
    assert host.call(info={"run_id": 2})["exit_code"] == 0


@pytest.mark.parametrize(
    ("leaving", "code", "reason"),
    [
        ("sys.exit(3)", 3, "The task called sys.exit(3)."),
        ("sys.exit()", 0, None),
        ("sys.exit(0)", 0, None),
        ("sys.exit(-1)", 255, "The task called sys.exit(-1)."),
        ("sys.exit('no luck')", 1, "The task called sys.exit('no luck')."),
        ("raise KeyboardInterrupt", 1, "KeyboardInterrupt"),
    ],
)
def test_sys_exit_is_honoured(host: TaskHost, leaving: str, code: int, reason: str | None) -> None:
    end = run(host, "import sys", leaving)

    assert (end["exit_code"], end["reason"]) == (code, reason)
    assert ("no luck" in host.err) == ("no luck" in leaving)


def test_endless_recursion_fails_one_run(host: TaskHost) -> None:
    end = run(host, "self(info)")

    assert end["exit_code"] == 1
    assert str(end["reason"]).startswith("RecursionError: maximum recursion depth exceeded")
    assert "[Previous line repeated" in host.err


def test_an_exception_that_cannot_be_shown_is_a_failure(host: TaskHost) -> None:
    host.load(
        "class Odd(Exception):\n    def __str__(self): raise RuntimeError\n" + CALL + "raise Odd\n"
    )

    end = host.call()

    assert (end["exit_code"], end["reason"]) == (1, "Odd: ?")


def test_os_exit_ends_the_process_with_its_code(host: TaskHost) -> None:
    assert run(host, "import os", "print('bye', end='')", "os._exit(7)") == {}

    assert host.process.wait(10) == 7
    assert host.out == "bye"


def test_a_segfault_is_the_signal_and_says_where(host: TaskHost) -> None:
    assert run(host, "import ctypes", "ctypes.string_at(0)") == {}

    assert host.process.wait(10) == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in host.err
    assert 'job.py", line 4 in __call__' in host.err


def test_a_killed_task_leaves_all_it_printed_and_where_it_was(host: TaskHost) -> None:
    host.load(
        CALL + "import sys, time\n        print('half a line', end='')\n        time.sleep(60)"
    )
    host.start_call()
    until(lambda: host.out)

    host.process.send_signal(signal.SIGTERM)

    assert host.process.wait(10) == -signal.SIGTERM
    assert host.out == "half a line"
    assert 'job.py", line 5 in __call__' in host.err


def test_a_fork_left_behind_is_told(host: TaskHost) -> None:
    end = run(host, "import os", "pid = os.fork()", "if not pid: os.read(0, 1); os._exit(0)")

    assert end["dirty"] is True


def test_a_fork_that_returns_ends_only_once(host: TaskHost) -> None:
    report = run(
        host, "import os", "if os.fork(): os.wait()", "else: print('child')", "info.success()"
    )

    assert (report["op"], report["success"]) == ("report", 1)
    assert host.answer()["op"] == "ended"
    assert host.call()["op"] == "report"
    assert host.out == "child\n" * 2


def test_a_thread_left_behind_is_told(host: TaskHost) -> None:
    end = run(
        host,
        "import threading",
        "threading.Thread(target=threading.Event().wait, daemon=True).start()",
    )

    assert end["dirty"] is True


def test_a_process_that_was_waited_for_leaves_no_dirt(host: TaskHost) -> None:
    assert run(host, "import subprocess", "subprocess.run(['true'])")["dirty"] is False


def test_bytes_and_undecodable_text_are_printed(host: TaskHost) -> None:
    end = run(
        host,
        "import sys, os",
        "print(b'\\xff')",
        "print(os.fsdecode(b'\\xff\\xfe'))",
        "sys.stdout.buffer.write(b'\\x00\\x80')",
    )

    assert end["exit_code"] == 0
    assert (host.folder / "out").read_bytes() == b"b'\\xff'\n\xff\xfe\n\x00\x80"


def test_output_from_c_is_there_before_the_end(host: TaskHost) -> None:
    run(host, "import ctypes", "ctypes.CDLL(None).printf(b'from C')")

    assert host.out == "from C"


def test_streams_folder_and_variables_are_restored_between_runs(host: TaskHost) -> None:
    host.load(
        CALL + "import os, sys, io\n"
        "        print(os.getcwd(), os.environ.get('A'), os.environ.get('B'), flush=True)\n"
        "        sys.stdout.close()\n        sys.stdout = io.StringIO()\n"
        "        sys.stderr = None\n"
        "        os.chdir('/')\n        os.environ['B'] = '2'\n"
    )

    host.call(env={"A": "1"})
    end = host.call(env={"A": "3"})

    assert end["exit_code"] == 0
    assert host.out == f"{host.folder} 1 None\n{host.folder} 3 None\n"


def test_a_folder_that_is_gone_fails_the_run_only(host: TaskHost) -> None:
    run(host, "pass")

    end = host.call(cwd="/nonexistent")

    assert (end["exit_code"], host.call()["exit_code"]) == (1, 0)
    assert str(end["reason"]).startswith("FileNotFoundError: ")


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


def test_reports_are_totals_and_complete_before_the_end(host: TaskHost) -> None:
    host.load(
        CALL + "info.success(); info.success(2); info.ignore(); info.progress(0.5, 'half')\n"
        "        info.error('broken', {'id': 1})\n"
    )
    host.start_call()

    reports = []
    while (message := host.answer())["op"] == "report":
        reports.append(message)

    assert reports[-1] == {
        "op": "report",
        "success": 3,
        "error": 1,
        "ignore": 1,
        "fraction": 0.5,
        "text": "half",
    }
    assert 'record failed: broken {"id": 1}' in host.err


def test_a_watchdog_tells_its_limit_and_takes_it_back(host: TaskHost) -> None:
    host.load(
        "from jobsched.watchdog import watchdog\n"
        "class Job:\n    @watchdog()\n    def __call__(self, info):\n        self.inner()\n"
        "    @watchdog(1)\n    def inner(self): pass\n"
    )

    messages = [host.call(), host.answer(), host.answer(), host.answer()]

    seconds = [message["seconds"] for message in messages]
    assert {message["op"] for message in messages} == {"limit"}
    assert seconds[0] == pytest.approx(60, abs=1)
    assert seconds[1] == pytest.approx(1, abs=0.2)
    assert seconds[2] == pytest.approx(60, abs=1)
    assert seconds[3] is None
    assert host.answer()["op"] == "ended"


def test_a_subclass_of_runscript_runs_its_script(host: TaskHost) -> None:
    (host.folder / "say.sh").write_text("echo out; echo err >&2; exit ${CODE:-0}\n")
    host.load(
        "from jobsched.execution.script import RunScript\n"
        "class Job(RunScript):\n    def __call__(self, info):\n"
        "        print('before')\n        super().__call__(info)\n",
        script="say.sh",
    )
    ends = []
    for code in ("0", "3"):
        host.start_call(env={**os.environ, "CODE": code})
        while (message := host.answer())["op"] != "ended":
            assert message["op"] == "limit"
        ends.append((message["exit_code"], message["reason"]))

    assert ends == [(0, None), (1, "ScriptFailed: The script 'say.sh' ended with status 3.")]
    assert host.out == "before\nout\n" * 2
    assert host.err.startswith("err\nerr\nTraceback")


def test_a_subclass_of_runscript_names_a_missing_script(host: TaskHost) -> None:
    host.load("from jobsched.execution.script import RunScript as Job", script="none.sh")
    host.start_call()
    while (message := host.answer())["op"] != "ended":
        pass

    assert message["exit_code"] == 1
    assert f"looked for {host.folder / 'none.sh'}" in message["reason"]


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
    assert own.replace("jobsched.", "").replace("execution.", "").split() == [
        "execution",
        "channel",
        "info",
        "streams",
        "worker",
        "zygote",
        "watchdog",
    ]


@pytest.fixture
def subreaper() -> Iterator[None]:
    """Make this process inherit orphans, as a runner does."""
    libc = ctypes.CDLL(None)
    libc.prctl(36, 1, 0, 0, 0)
    yield
    libc.prctl(36, 0, 0, 0, 0)


class Child:
    """A process that a zygote made."""

    def __init__(self, host: TaskHost, source: str, **message: object) -> None:
        self.host = host
        ours, theirs = socket.socketpair()
        out = os.open(host.folder / "child.out", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        err = os.open(host.folder / "child.err", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        fork = {"op": "fork", "run": 7, "claim": 1, "task": host.task(source), "info": {}}
        host.send_with({**fork, "env": dict(os.environ), **message}, [out, err, theirs.detach()])
        self.answer = host.answer()
        self.pid = int(self.answer["pid"])
        with ours, ours.makefile("rb") as lines:
            ours.settimeout(30)
            self.words = [re.sub(rb'.*"op": "(\w+)".*\n', rb"\1", line) for line in lines]

    def wait(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    @property
    def out(self) -> str:
        return (self.host.folder / "child.out").read_text(encoding="utf-8")


@pytest.mark.usefixtures("subreaper")
class TestZygote:
    def test_each_run_has_a_fresh_process(self, host: TaskHost) -> None:
        source = "import os\nprint('made', end=' ')\n" + CALL + "print(os.getpid(), os.getsid(0))\n"

        first = Child(host, source)
        second = Child(host, source)

        assert [first.wait(), second.wait()] == [0, 0]
        assert first.words == [b"loaded", b"ended"]
        assert first.answer == {"op": "forked", "run": 7, "claim": 1, "pid": first.pid}
        assert first.out == f"made {first.pid} {first.pid}\nmade {second.pid} {second.pid}\n"
        assert host.out == ""
        assert host.close() == 0

    def test_its_status_is_the_verdict(self, host: TaskHost) -> None:
        exits = Child(host, CALL + "raise SystemExit(3)")
        raises = Child(host, CALL + "1 / 0")
        breaks = Child(host, "1 / 0")
        leaves = Child(host, CALL + "import os; os._exit(7)")
        crashes = Child(host, CALL + "import ctypes; ctypes.string_at(0)")

        assert [exits.wait(), raises.wait(), breaks.wait()] == [3, 1, 1]
        assert [leaves.wait(), crashes.wait()] == [7, -signal.SIGSEGV]
        assert [exits.words[-1], breaks.words, leaves.words] == [
            b"ended",
            [b"failed"],
            [b"loaded"],
        ]

    def test_its_end_is_that_of_a_program(self, host: TaskHost) -> None:
        child = Child(
            host,
            "import atexit, threading\natexit.register(print, 'at exit')\n"
            + CALL
            + "threading.Timer(0.05, print, ['thread']).start()\n",
        )

        assert child.wait() == 0
        assert child.out == "thread\nat exit\n"

    def test_its_variables_are_those_of_the_run(self, host: TaskHost) -> None:
        child = Child(host, CALL + "import os; print(dict(os.environ))", env={"A": "1"})

        assert child.wait() == 0
        assert child.out == f"{{'A': '1', 'JOBSCHED_CONF_DIR': '{host.folder}'}}\n"


def test_a_task_process_leaves_when_its_runner_is_gone(host: TaskHost) -> None:
    started = time.monotonic()

    assert host.close() == 0
    assert time.monotonic() - started < 10
