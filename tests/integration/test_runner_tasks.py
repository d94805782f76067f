"""The runner with real task processes: warm and forked, loaded, called, limited, replaced."""

import signal
from pathlib import Path

import pytest

from jobsched.execution import processes
from tests.support.runner import RunnerClient, lives
from tests.support.tasks import TASKS, Tasks
from tests.support.waiting import until


def test_a_task_runs_and_its_output_is_kept(tasks: Tasks, warm: bool) -> None:
    ended = tasks.run(7, warm=warm)

    out, err = tasks.output(ended)
    assert (ended["exit_code"], ended["ended_by"], ended["reason"]) == (0, "exit", None)
    assert out.startswith("call 1 of ")
    assert out.endswith("run 7\n")
    assert err == "to err\n"


def test_a_warm_worker_is_called_again_and_again(tasks: Tasks) -> None:
    outs = [tasks.output(tasks.run(run))[0].split() for run in (1, 2, 3)]

    assert [(words[1], words[-1]) for words in outs] == [("1", "1"), ("2", "2"), ("3", "3")]
    assert len({words[3] for words in outs}) == 1


def test_forked_runs_share_nothing(tasks: Tasks) -> None:
    outs = [tasks.output(tasks.run(run, warm=False))[0].split() for run in (1, 2, 3)]

    assert [words[1] for words in outs] == ["1", "1", "1"]
    assert len({words[3] for words in outs}) == 3


def test_two_runs_at_once_have_two_workers(tasks: Tasks, tmp_path: Path) -> None:
    wait = f"while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.01)"
    for run in (1, 2):
        tasks.start(run, wait)
    pids = {tasks.runner.receive("started", run)["pid"] for run in (1, 2)}

    (tmp_path / "go").touch()
    ends = [tasks.runner.receive("ended", run) for run in (1, 2)]

    assert len(pids) == 2
    assert [ended["exit_code"] for ended in ends] == [0, 0]


def test_an_exception_is_a_failure_with_its_traceback(tasks: Tasks, warm: bool) -> None:
    ended = tasks.run(1, "raise KeyError('lost')", warm=warm)

    assert (ended["exit_code"], ended["reason"]) == (1, "KeyError: 'lost'")
    assert "Traceback" in tasks.output(ended)[1]


@pytest.mark.parametrize(
    ("do", "code", "number"),
    [("os._exit(7)", 7, None), ("os.kill(os.getpid(), 11)", None, 11), ("sys.exit(9)", 9, None)],
)
def test_a_task_that_ends_its_process_fails_only_its_own_run(
    tasks: Tasks, warm: bool, do: str, code: int | None, number: int | None
) -> None:
    ended = tasks.run(1, do, warm=warm)
    after = tasks.run(2, warm=warm)

    assert (ended["exit_code"], ended["signal"], ended["ended_by"]) == (code, number, "exit")
    assert after["exit_code"] == 0


def test_a_task_that_cannot_be_made_fails_with_the_reason(tasks: Tasks, warm: bool) -> None:
    ended = tasks.run(1, arguments={"broken": "yes"}, warm=warm)

    assert ended["exit_code"] == 1
    assert ended["reason"] == "The task could not be loaded: ValueError: made to fail"
    assert "made to fail" in tasks.output(ended)[1]


def test_loading_that_hangs_is_ended(tasks: Tasks, warm: bool) -> None:
    ended = tasks.run(1, arguments={"hanging": "yes"}, load_timeout=0.7, grace=0.5, warm=warm)

    assert ended["ended_by"] == "timeout"
    assert ended["reason"] == "Loading the task took longer than 0.7 s."


def test_a_task_past_its_timeout_is_ended_with_its_output_kept(tasks: Tasks, warm: bool) -> None:
    ended = tasks.run(1, "time.sleep(600)", timeout=0.3, warm=warm)
    after = tasks.run(2, warm=warm)

    assert (ended["ended_by"], ended["reason"]) == ("timeout", "It ran longer than 0.3 s.")
    assert tasks.output(ended)[0].startswith("call 1")
    assert after["exit_code"] == 0


def test_the_watchdog_of_a_task_ends_it(tasks: Tasks, tasks_dir: Path, warm: bool) -> None:
    text = TASKS.replace("    def __call__", "    @watchdog(0.3)\n    def __call__")
    (tasks_dir / "a.py").write_text("from jobsched.watchdog import watchdog\n" + text)

    ended = tasks.run(1, "time.sleep(600)", timeout=60, warm=warm)

    assert (ended["ended_by"], ended["reason"]) == ("timeout", "Its watchdog's 0.3 s were over.")


def test_a_stop_ends_a_task_and_what_it_started(tasks: Tasks, tmp_path: Path, warm: bool) -> None:
    path = str(tmp_path / "pid")
    tasks.start(
        1,
        f"p = subprocess.Popen(['setsid', 'sleep', '600']); open({path!r}, 'w').write(str(p.pid)); "
        "time.sleep(600)",
        warm=warm,
    )
    pid = int(until(lambda: Path(path).exists() and Path(path).read_text()))

    tasks.runner.stop(1)
    ended = tasks.runner.receive("ended", 1)

    assert ended["ended_by"] == "stop"
    assert not lives(pid)


def test_what_a_task_leaves_behind_is_ended_and_the_worker_replaced(
    tasks: Tasks, warm: bool
) -> None:
    ended = tasks.run(1, "p = subprocess.Popen(['sleep', '600']); print(p.pid)", warm=warm)
    after = tasks.run(2, warm=warm)

    words = tasks.output(ended)[0].split()
    assert ended["exit_code"] == 0
    assert not lives(int(words[-1]))
    assert words[3] != tasks.output(after)[0].split()[3]


def test_a_daemon_made_by_a_warm_task_is_ended(tasks: Tasks) -> None:
    ended = tasks.run(1, "subprocess.run('setsid sleep 600 & echo $!', shell=True)")

    left = [
        one.pid
        for one in processes.all_processes().values()
        if one.parent == tasks.runner.process.pid and not one.gone
    ]
    assert ended["exit_code"] == 0
    assert left == [] or all(processes.cookie_of(pid) for pid in left)
    assert not lives(int(tasks.output(ended)[0].split()[-1]))


def test_reports_are_told_and_counted(tasks: Tasks, warm: bool) -> None:
    ended = tasks.run(1, "info.success(3); info.ignore(1); info.progress(0.5, 'half')", warm=warm)
    progress = tasks.runner.receive("progress", 1)

    assert ended["counts"] == {"success": 3, "error": 0, "ignore": 1}
    assert (progress["run"], progress["success"]) == (1, 3)


def test_a_changed_task_file_is_loaded_anew(tasks: Tasks, tasks_dir: Path) -> None:
    tasks.run(1)
    (tasks_dir / "a.py").write_text(TASKS.replace('"call"', '"changed"'))

    ended = tasks.run(2)

    assert tasks.output(ended)[0].startswith("changed 1 of ")


def test_an_idle_worker_that_dies_is_replaced(tasks: Tasks) -> None:
    words = tasks.output(tasks.run(1))[0].split()
    worker = processes.process(int(words[3]))
    assert worker is not None
    processes.send(worker, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{worker.pid}").exists())  # its runner knows of it

    ended = tasks.run(2)

    assert ended["exit_code"] == 0
    assert tasks.output(ended)[0].startswith("call 1 of ")


def test_a_retired_runner_takes_its_workers_along(tasks: Tasks) -> None:
    words = [
        tasks.output(tasks.run(run, warm=warm))[0].split() for run, warm in ((1, True), (2, False))
    ]

    tasks.runner.send(op="forget", runs=[[1, 1], [2, 1]])
    tasks.runner.send(op="retire")

    assert tasks.runner.process.wait(15) == 0
    assert not lives(int(words[0][3]))


def test_task_processes_leave_with_a_killed_runner(tmp_path: Path, tasks_dir: Path) -> None:
    client = RunnerClient(tmp_path / "r2")
    tasks = Tasks(client, tasks_dir)
    words = tasks.output(tasks.run(1))[0].split()

    client.process.kill()
    client.process.wait()
    client.disconnect()

    until(lambda: not lives(int(words[3])))
