"""The output of a web job, followed while it comes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kudu import Kudu
from tests.support.server import Server
from tests.support.waiting import until


@pytest.fixture(scope="module")
def kudu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kudu]:
    with Server(tmp_path_factory.mktemp("tail")) as server:
        yield Kudu(server)


@pytest.mark.parametrize("kind", ["triggered", "continuous"])
def test_what_a_web_job_writes_can_be_followed_as_it_comes(
    kudu: Kudu, tmp_path: Path, kind: str
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    kudu.deploy(
        kind, f"slow-{kind}", f"exec 3<> {gate}\nwhile read word <&3; do echo got $word; done\n"
    )
    if kind == "triggered":
        kudu.start(f"slow-{kind}")
    job = kudu.server.get(f"/jobs?q=slow-{kind}").json()["values"][0]
    [run] = until(lambda: kudu.server.get(f"/jobs/{job['id']}/runs").json()["values"])

    with kudu.server.get(f"{run['url']}/output?follow=true", stream=True) as response:
        lines = response.iter_lines(chunk_size=1)
        for word in (b"one", b"two"):
            gate.write_bytes(word + b"\n")
            assert next(lines) == b"got " + word

    kudu.stop(f"slow-{kind}") if kind == "continuous" else kudu.delete(kind, f"slow-{kind}")
