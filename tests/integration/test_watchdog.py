"""The watchdog outside the server: a child that is killed with its whole tree."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobsched.watchdog import WatchdogFailed, WatchdogTimeout, watchdog
from tests.support.waiting import until


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_output_is_streamed_and_nothing_is_returned(capfd: pytest.CaptureFixture[str]) -> None:
    @watchdog(30)
    def speak(word: str) -> str:
        print(word)  # noqa: T201
        print(word, file=sys.stderr)  # noqa: T201
        return word

    assert speak("hello") is None
    assert capfd.readouterr() == ("hello\n", "hello\n")


def test_an_exception_is_shown_and_told(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WatchdogFailed, match="status 1"):
        watchdog(30)(lambda: 1 / 0)()

    assert "ZeroDivisionError: division by zero" in capfd.readouterr().err


@pytest.mark.parametrize(("code", "status"), [(3, 3), ("text", 1)])
def test_sys_exit_is_told_as_a_status(code: object, status: int) -> None:
    with pytest.raises(WatchdogFailed, match=f"status {status}"):
        watchdog(30)(lambda: sys.exit(code))()  # type: ignore[arg-type]


def test_leaving_with_nothing_to_say_is_a_success() -> None:
    assert watchdog(30)(sys.exit)() is None


def test_a_signal_is_told_as_a_status() -> None:
    with pytest.raises(WatchdogFailed, match="status 137"):
        watchdog(30)(lambda: os.kill(os.getpid(), signal.SIGKILL))()


def test_a_call_that_takes_too_long_is_killed(capfd: pytest.CaptureFixture[str]) -> None:
    @watchdog(2)  # long enough to write something on a busy machine
    def hang() -> None:
        print("so far", flush=True)  # noqa: T201
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pause()

    started = time.monotonic()
    with pytest.raises(WatchdogTimeout, match="after 2 seconds"):
        hang()

    assert 2 <= time.monotonic() - started < 10
    assert capfd.readouterr().out == "so far\n"


def test_the_whole_tree_is_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    stay = f"echo $BASHPID >> {pids}; exec sleep 60"

    @watchdog(2)
    def breed() -> None:
        subprocess.Popen(["bash", "-c", stay])
        subprocess.Popen(["bash", "-c", stay], start_new_session=True)
        subprocess.run(["setsid", "bash", "-c", f"({stay}) &"], check=True)
        signal.pause()

    with pytest.raises(WatchdogTimeout):
        breed()

    born = [int(line) for line in pids.read_text(encoding="ascii").split()]
    assert len(born) == 3
    assert not any(alive(pid) for pid in born)


def test_what_a_call_leaves_behind_is_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    @watchdog(30)
    def leave() -> None:
        subprocess.Popen(["sh", "-c", f"echo $$ > {pids}; sleep 60"], start_new_session=True)
        until(lambda: pids.exists() and pids.read_text(encoding="ascii"))

    leave()

    assert not alive(int(pids.read_text(encoding="ascii")))


def test_the_call_does_not_outlive_its_caller(tmp_path: Path) -> None:
    script = tmp_path / "caller.py"
    script.write_text(
        "import os, signal\nfrom jobsched.watchdog import watchdog\n"
        "@watchdog(60)\ndef hang():\n    print(os.getpid(), flush=True)\n    signal.pause()\n"
        "hang()\n"
    )
    path = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as caller:
        assert caller.stdout is not None
        pid = int(caller.stdout.readline())

        caller.kill()

    until(lambda: not alive(pid), message="the call goes on")
