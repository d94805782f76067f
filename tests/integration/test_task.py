"""A real task process: what a task is told, what it prints and reports."""

import os
import time

import pytest

from tests.support.task_host import CALL, TaskHost, run


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


def test_a_task_process_leaves_when_its_runner_is_gone(host: TaskHost) -> None:
    started = time.monotonic()

    assert host.close() == 0
    assert time.monotonic() - started < 10
