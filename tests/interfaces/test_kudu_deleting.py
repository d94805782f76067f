"""Clients of Kudu that delete the same web job at the same time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.kudu import Kudu
from tests.support.server import Server


@pytest.fixture(scope="module")
def kudu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kudu]:
    with Server(tmp_path_factory.mktemp("deleting")) as server:
        yield Kudu(server)


def test_a_job_that_many_delete_at_once_is_gone_for_all_of_them(kudu: Kudu) -> None:
    for _ in range(3):
        kudu.deploy("triggered", "often", "true\n")
        with ThreadPoolExecutor(12) as pool:
            asked = [
                pool.submit(kudu.server.delete, "/api/triggeredwebjobs/often") for _ in range(12)
            ]

        assert {each.result().status_code for each in asked} == {200}
        assert kudu.names("triggered") == []
