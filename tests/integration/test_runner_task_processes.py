"""Task processes in trouble: frozen or killed; no other run suffers for it."""

import signal

import psutil

from tests.support.processes import command_of
from tests.support.runner import lives
from tests.support.tasks import PROGRAM, Tasks
from tests.support.waiting import until


def task_processes(tasks: Tasks) -> list[psutil.Process]:
    """Return the runner's workers and zygotes."""
    children = psutil.Process(tasks.runner.process.pid).children()
    return [child for child in children if PROGRAM in command_of(child)]


def obeyed(tasks: Tasks) -> None:
    """Wait until the runner has obeyed everything that was sent so far."""
    tasks.runner.send(op="ping")
    tasks.runner.receive("pong")


def test_a_zygote_that_dies_gives_back_what_it_was_to_start(tasks: Tasks) -> None:
    tasks.run(1, warm=False)
    [zygote] = task_processes(tasks)
    zygote.suspend()
    tasks.start(2, warm=False)
    obeyed(tasks)

    zygote.kill()
    refused = tasks.runner.receive("refused", 2)

    assert refused["shortage"] is True
    assert "the zygote ended" in refused["reason"]
    assert tasks.run(2, claim=2, warm=False)["exit_code"] == 0


def test_frozen_task_processes_do_not_keep_a_retired_runner(tasks: Tasks) -> None:
    tasks.run(1, warm=True)
    tasks.run(2, warm=False)
    frozen = task_processes(tasks)
    for process in frozen:
        process.suspend()

    tasks.runner.send(op="forget", runs=[[1, 1], [2, 1]])
    tasks.runner.send(op="retire")

    assert tasks.runner.process.wait(15) == 0
    assert len(frozen) == 2
    assert not any(lives(process.pid) for process in frozen)


def test_a_worker_that_dies_in_a_call_takes_only_that_run(tasks: Tasks) -> None:
    tasks.start(1, "time.sleep(600)")
    tasks.runner.receive("started", 1)
    [worker] = task_processes(tasks)

    worker.kill()
    ended = tasks.runner.receive("ended", 1)

    assert (ended["signal"], ended["ended_by"]) == (9, "exit")
    assert tasks.run(2)["exit_code"] == 0


def test_a_call_that_a_dead_worker_never_heard_goes_to_another(tasks: Tasks) -> None:
    tasks.run(1)
    [worker] = task_processes(tasks)
    tasks.runner.process.send_signal(signal.SIGSTOP)
    tasks.start(2)  # obeyed before the death is noticed: both wait, and this came first
    worker.kill()
    until(lambda: not lives(worker.pid))

    tasks.runner.process.send_signal(signal.SIGCONT)
    ended = tasks.runner.receive("ended", 2)

    assert (ended["exit_code"], ended["signal"]) == (0, None)
    assert tasks.output(ended)[0].startswith("call 1 of ")


def test_a_call_that_a_worker_had_no_time_to_read_goes_to_another(tasks: Tasks) -> None:
    tasks.run(1)
    [worker] = task_processes(tasks)
    worker.suspend()
    tasks.start(2)
    first = tasks.runner.receive("started", 2)

    worker.kill()
    second = tasks.runner.receive("started", 2)
    ended = tasks.runner.receive("ended", 2)

    assert first["pid"] == worker.pid != second["pid"]
    assert (ended["exit_code"], ended["signal"]) == (0, None)


def test_a_stopped_run_is_not_handed_to_another_worker(tasks: Tasks) -> None:
    tasks.run(1)
    [worker] = task_processes(tasks)
    worker.suspend()
    tasks.start(2)

    tasks.runner.stop(2)
    ended = tasks.runner.receive("ended", 2)

    assert (ended["ended_by"], ended["signal"]) == ("stop", 15)
    assert tasks.run(3)["exit_code"] == 0


def test_a_worker_that_dies_before_its_first_call_fails_the_run(tasks: Tasks) -> None:
    """Loading is the task's own work: one that kills its process would do so for ever."""
    tasks.start(1, arguments={"hanging": "yes"})
    tasks.runner.receive("started", 1)
    [worker] = task_processes(tasks)

    worker.kill()

    assert tasks.runner.receive("ended", 1)["signal"] == 9


def test_a_worker_without_its_streams_is_replaced(tasks: Tasks) -> None:
    closed = tasks.run(1, "os.close(1); os.close(2)")

    ended = tasks.run(2)

    assert closed["exit_code"] == 0
    assert tasks.output(ended)[0].startswith("call 1 of ")
    assert tasks.output(ended)[1] == "to err\n"
