"""When a client that polls the history of a web job is told that it has changed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kudu import Kudu
from tests.support.server import Server


@pytest.fixture(scope="module")
def kudu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kudu]:
    with Server(tmp_path_factory.mktemp("history")) as server:
        yield Kudu(server)


def test_the_history_has_another_tag_once_an_older_run_has_ended(
    kudu: Kudu, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    kudu.deploy("triggered", "both", f'test "$1" = quick || read line < {gate}\n')
    kudu.asked("PUT", "/api/triggeredwebjobs/both/settings", json={"max_instances": 2})
    path = "/api/triggeredwebjobs/both/history"
    older = kudu.start("both")
    kudu.run("both", params={"arguments": "quick"})
    tag = kudu.server.get(path).headers["ETag"]
    same = kudu.server.get(path, headers={"If-None-Match": tag})

    gate.write_text("go\n")
    kudu.ended(older)
    changed = kudu.server.get(path, headers={"If-None-Match": tag})

    assert same.status_code == 304
    assert [run["status"] for run in changed.json()["runs"]] == ["Success", "Success"]
