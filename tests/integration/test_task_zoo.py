"""The task zoo: what may go wrong in a call, each with its exact verdict."""

import signal

import pytest

from tests.support.task_host import CALL, TaskHost, run
from tests.support.waiting import until


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
        # One line of code: it may still be printing when the signal comes.
        CALL + "import sys, time\n        print('half a line', end=''); time.sleep(60)"
    )
    host.start_call()
    until(lambda: host.out)

    host.process.send_signal(signal.SIGTERM)

    assert host.process.wait(10) == -signal.SIGTERM
    assert host.out == "half a line"
    assert 'job.py", line 4 in __call__' in host.err


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


@pytest.mark.parametrize(
    "line", ["os.close(0)", "os.close(1)", "os.dup2(os.open('/dev/null', os.O_WRONLY), 2)"]
)
def test_streams_that_lead_elsewhere_are_told(host: TaskHost, line: str) -> None:
    end = run(host, "import os", line)

    assert (end["exit_code"], end["dirty"]) == (0, True)
