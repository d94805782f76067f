"""What a Python task says about its progress and its records, through the real server."""

from pathlib import Path

import pytest

from tests.support.server import Server

CATALOG = "[count]\nfile=count.py\nclass=Count\njobsched.isolation={isolation}\n"
TASK = """\
class Count:
    def __call__(self, info):
        info.success(3)
        info.ignore(1)
        info.error("no such customer", {"id": 7})
        info.progress(0.5, "half")
"""


@pytest.mark.parametrize("isolation", ["warm", "fork"])
def test_the_last_word_of_a_short_run_is_kept(tmp_path: Path, isolation: str) -> None:
    catalog = CATALOG.format(isolation=isolation)
    with Server(tmp_path, catalog=catalog, tasks={"count.py": TASK}) as server:
        for _ in range(3):
            answer = server.post("/runs", json={"task": "count"}, headers={"Prefer": "wait=20"})

            run, half = answer.json(), {"fraction": 0.5, "text": "half"}
            assert (run["outcome"], run["progress"]) == ("succeeded", half)
            assert run["counts"] == {"success": 3, "error": 1, "ignore": 1}
            text = server.get(f"/runs/{run['id']}/output", params={"stream": "err"}).text
            assert "no such customer" in text


ODD = """\
import time

SAID = [
    {"op": "report"},
    {"op": "report", "success": "x", "error": None, "ignore": []},
    {"op": "report", "success": -5, "error": 0, "ignore": 0, "fraction": "x", "text": {}},
    {"op": "report", "success": 10**30, "error": 0, "ignore": 0, "text": "a\\0\\ud800"},
    {"op": "nope"}, {}, [], 5, {"op": "limit", "seconds": "x"}, {"op": "limit", "seconds": 1e999},
    {"op": "ended"}, {"op": "ended", "exit_code": "x"},
]

class Odd:
    def __call__(self, info):
        tell = info._reports._tell
        for message in SAID:
            tell(message)
            time.sleep(0.05)

class Wrong:
    def __call__(self, info):
        for text in (5, "\\ud800", "a\\0b", b"bytes"):
            info.progress(0.5, text)
            info.success(10**30)
            time.sleep(0.15)
        raise ValueError("\\ud800\\0")

class Fine:
    def __call__(self, info):
        info.success(2)
"""


@pytest.mark.parametrize("isolation", ["warm", "fork"])
def test_whatever_a_task_says_of_itself_harms_nobody_else(tmp_path: Path, isolation: str) -> None:
    section = "[{0}]\nfile=odd.py\nclass={0}\njobsched.isolation={1}\n"
    catalog = "".join(section.format(name, isolation) for name in ("Odd", "Wrong", "Fine"))
    with Server(tmp_path, catalog=catalog, tasks={"odd.py": ODD}) as server:
        before = server.pids()["supervisor"]
        wait = {"Prefer": "wait=20"}

        odd, wrong, fine = (
            server.post("/runs", json={"task": task}, headers=wait).json()
            for task in ("Odd", "Wrong", "Fine")
        )

        assert (odd["outcome"], wrong["outcome"]) == ("succeeded", "failed")
        assert wrong["counts"]["success"] == 2**31 - 1
        assert wrong["progress"] == {"fraction": 0.5, "text": "b'bytes'"}
        assert wrong["reason"] == "ValueError: \ufffd\ufffd"
        assert (fine["outcome"], fine["counts"]["success"]) == ("succeeded", 2)
        assert server.pids()["supervisor"] == before
