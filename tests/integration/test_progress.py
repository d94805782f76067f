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
