"""Task processes in trouble: frozen or killed; no other run suffers for it."""

import psutil

from tests.support.runner import lives
from tests.support.tasks import PROGRAM, Tasks


def task_processes(tasks: Tasks) -> list[psutil.Process]:
    """Return the runner's workers and zygotes."""
    children = psutil.Process(tasks.runner.process.pid).children()
    return [child for child in children if PROGRAM in child.cmdline()]


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


def test_a_worker_without_its_streams_is_replaced(tasks: Tasks) -> None:
    closed = tasks.run(1, "os.close(1); os.close(2)")

    ended = tasks.run(2)

    assert closed["exit_code"] == 0
    assert tasks.output(ended)[0].startswith("call 1 of ")
    assert tasks.output(ended)[1] == "to err\n"
