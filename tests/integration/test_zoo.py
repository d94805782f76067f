"""The task zoo: whatever a task does to its process, its own run has the exact verdict.

Every animal is kept twice, warm and forked for each run, in one server that must not move: the
same processes afterwards, and a tame task runs at once.
"""

from collections.abc import Iterator

import psutil
import pytest

from tests.support import runs
from tests.support.server import Server, write
from tests.support.waiting import until

LOADING = 1.5  # seconds
TASKS = {
    "tame.py": """
class Tame:
    def __call__(self, info):
        print("tame", info.run_id)
""",
    "unmade.py": """
class Task:
    def __init__(self, **arguments):
        raise LookupError("no food")
    def __call__(self, info): pass
""",
    "hanging.py": """
import signal
print("importing", flush=True)
while True:
    signal.pause()
class Task: pass
""",
    "deaf.py": """
import signal
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
while True:
    signal.pause()
class Task: pass
""",
    "broken.py": "class Task: pass\n",  # until the server has started
    "needy.py": "import no_such_module_anywhere\nclass Task: pass\n",
    "leaving.py": """
import os
class Task:
    def __call__(self, info):
        print("going", flush=True)
        os._exit(3)
""",
    "leaving_early.py": "import os\nos._exit(4)\nclass Task: pass\n",
    "leaving_well.py": """
import os
class Task:
    def __call__(self, info):
        os._exit(0)
""",
    "crashing.py": """
import ctypes
class Task:
    def __call__(self, info):
        print("crash", flush=True)
        ctypes.string_at(0)
""",
    "killing.py": """
import os, signal
class Task:
    def __call__(self, info):
        os.kill(os.getpid(), signal.SIGKILL)
""",
    "forking.py": """
import os, signal
class Task:
    def __call__(self, info):
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                signal.pause()
        print("child", child)
""",
    "doubling.py": """
import os
class Task:
    def __call__(self, info):
        if os.fork() == 0:
            raise KeyError("the child")
        print("parent")
""",
    "deep.py": """
class Task:
    def __call__(self, info):
        self(info)
""",
    "sure.py": """
import sys
class Task:
    def __call__(self, info):
        sys.exit(5)
""",
    "content.py": """
import sys
class Task:
    def __call__(self, info):
        sys.exit()
""",
    "saying.py": """
import sys
class Task:
    def __call__(self, info):
        sys.exit("the cage is empty")
""",
    "raising.py": """
class Task:
    def __call__(self, info):
        raise ValueError("bitten")
""",
    "unspeakable.py": """
class Mute(Exception):
    def __str__(self):
        raise RuntimeError("mute")
class Task:
    def __call__(self, info):
        raise Mute
""",
    "greedy.py": """
class Task:
    def __call__(self, info):
        raise MemoryError
""",
    "interrupted.py": """
class Task:
    def __call__(self, info):
        raise KeyboardInterrupt
""",
    "closing.py": """
import os
class Task:
    def __call__(self, info):
        for handle in (0, 1, 2):
            os.close(handle)
""",
    "muddled.py": """
import os
class Task:
    def __call__(self, info):
        for handle in range(3, 64):
            try:
                os.write(handle, b"rubbish {]\\n")
            except OSError:
                pass
""",
    "chatty.py": """
import os
class Task:
    def __call__(self, info):
        os.write(1, b"\\xff\\xfe\\x00 \\xc3\\x28\\n")
""",
    "threading_.py": """
import threading
class Task:
    def __call__(self, info):
        threading.Timer(0.3, print, ["late"]).start()
        print("spun")
""",
    "uncallable.py": "class Task: pass\n",
    "shy.py": "class Task:\n    def __call__(self): pass\n",
}
# The file -> exit code, signal, what the reason says, what stdout says; all are failures
# unless their code is 0.
VERDICTS: dict[str, tuple[int | None, int | None, str | None, bytes | None]] = {
    "unmade": (1, None, "LookupError: no food", b""),
    "hanging": (None, None, f"{LOADING:g} s", b"importing\n"),
    "deaf": (None, None, f"{LOADING:g} s", b""),
    "broken": (1, None, "SyntaxError", b""),
    "needy": (1, None, "no_such_module_anywhere", b""),
    "leaving": (3, None, None, b"going\n"),
    "leaving_early": (4, None, None, b""),
    "leaving_well": (0, None, None, b""),
    "crashing": (None, 11, None, b"crash\n"),
    "killing": (None, 9, None, b""),
    "forking": (0, None, None, None),
    "doubling": (0, None, None, b"parent\n"),
    "deep": (1, None, "RecursionError", b""),
    "sure": (5, None, None, b""),
    "content": (0, None, None, b""),
    "saying": (1, None, None, b""),
    "raising": (1, None, "ValueError: bitten", b""),
    "unspeakable": (1, None, "Mute", b""),
    "greedy": (1, None, "MemoryError", b""),
    "interrupted": (1, None, "KeyboardInterrupt", b""),
    "closing": (0, None, None, b""),
    "chatty": (0, None, None, b"\xff\xfe\x00 \xc3\x28\n"),
    "threading_": (0, None, None, None),
    "uncallable": (1, None, "no __call__", b""),
    "shy": (1, None, "TypeError", b""),
}


def catalog() -> str:
    entries = []
    for file in TASKS:
        name = file.removesuffix(".py")
        entry = f"file={file}\nclass={'Tame' if name == 'tame' else 'Task'}\n"
        entries.append(f"[{name}-warm]\n{entry}")
        entries.append(f"[{name}-fork]\n{entry}jobsched.isolation=fork\n")
    return "\n".join(entries)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(
        tmp_path_factory.mktemp("zoo"),
        catalog=catalog(),
        cfg=f"TASK_LOAD_TIMEOUT = {LOADING}\nJOB_LIVETIME = 0\nGRACE = 0.5\nRUNNERS = 1\n",
        tasks=TASKS,
    )
    with server:
        write(server.folder / "tasks" / "broken.py", "class Task:\n    def __call__(self: pass\n")
        until(lambda: server.pids()["runner"], message="the runner is up")
        yield server


@pytest.mark.parametrize("isolation", ["warm", "fork"])
@pytest.mark.parametrize("animal", VERDICTS)
def test_a_task_fails_only_its_own_run_and_with_the_exact_verdict(
    zoo: Server, animal: str, isolation: str
) -> None:
    code, signal, reason, out = VERDICTS[animal]
    before = zoo.pids()

    run = runs.start(zoo, f"{animal}-{isolation}")
    neighbour = runs.start(zoo, f"tame-{isolation}")
    row = runs.done(zoo, run)

    if code is not None:
        assert (row["exit_code"], row["signal"]) == (code, signal)
        assert row["outcome"] == ("failed" if code else "succeeded")
    elif signal is not None:
        assert (row["outcome"], row["exit_code"], row["signal"]) == ("failed", None, signal)
    else:
        assert (row["outcome"], row["ended_by"]) == ("timed_out", "timeout")
    assert (reason or "") in (row["reason"] or "")
    assert out is None or runs.output(zoo, run) == out
    assert runs.done(zoo, neighbour)["outcome"] == "succeeded"
    assert runs.output(zoo, neighbour) == f"tame {neighbour}\n".encode()
    assert zoo.pids() == before


@pytest.mark.parametrize("isolation", ["warm", "fork"])
def test_what_a_task_forked_is_gone_with_its_run(zoo: Server, isolation: str) -> None:
    run = runs.start(zoo, f"forking-{isolation}")

    assert runs.done(zoo, run)["outcome"] == "succeeded"

    child = int(runs.output(zoo, run).split()[1])
    until(lambda: not psutil.pid_exists(child), message="the child is gone")


def test_only_a_process_of_its_own_waits_for_its_threads(zoo: Server) -> None:
    forked, warm = runs.start(zoo, "threading_-fork"), runs.start(zoo, "threading_-warm")
    runs.done(zoo, forked)
    runs.done(zoo, warm)

    assert runs.output(zoo, forked) == b"spun\nlate\n"
    assert runs.output(zoo, warm) == b"spun\n"


@pytest.mark.parametrize("isolation", ["warm", "fork"])
def test_rubbish_on_every_descriptor_harms_only_its_own_run(zoo: Server, isolation: str) -> None:
    before = zoo.pids()

    run = runs.start(zoo, f"muddled-{isolation}")
    row = runs.done(zoo, run)
    neighbour = runs.start(zoo, f"tame-{isolation}")

    assert row["outcome"] in {"succeeded", "failed"}
    assert runs.done(zoo, neighbour)["outcome"] == "succeeded"
    assert zoo.pids() == before


@pytest.mark.parametrize("isolation", ["warm", "fork"])
def test_a_traceback_is_on_stderr(zoo: Server, isolation: str) -> None:
    run = runs.start(zoo, f"raising-{isolation}")
    runs.done(zoo, run)

    error = runs.output(zoo, run, "err")

    assert error.startswith(b"Traceback (most recent call last):")
    assert b"raising.py" in error
    assert error.endswith(b"ValueError: bitten\n")


@pytest.mark.parametrize("isolation", ["warm", "fork"])
def test_a_hanging_import_can_be_stopped(zoo: Server, isolation: str) -> None:
    run = runs.start(zoo, f"hanging-{isolation}")
    runs.reaches(zoo, run, "running")

    zoo.post(f"/runs/{run}/stop")

    row = runs.done(zoo, run)
    assert (row["outcome"], row["ended_by"]) == ("stopped", "stop")


@pytest.mark.parametrize("isolation", ["warm", "fork"])
def test_all_animals_at_once_do_not_disturb_each_other(zoo: Server, isolation: str) -> None:
    before = zoo.pids()

    loose = [runs.start(zoo, f"{animal}-{isolation}") for animal in VERDICTS]
    tame = [runs.start(zoo, f"tame-{isolation}") for _ in range(20)]
    ends = [runs.done(zoo, run, 40) for run in loose]

    assert {runs.done(zoo, run)["outcome"] for run in tame} == {"succeeded"}
    for animal, row in zip(VERDICTS, ends, strict=True):
        code, signal, *_ = VERDICTS[animal]
        timed_out = code is None and signal is None
        assert timed_out or (row["exit_code"], row["signal"]) == (code, signal), animal
    assert zoo.pids() == before
