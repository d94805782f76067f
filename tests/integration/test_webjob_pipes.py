"""Web jobs that put pipes and links where files of ours belong hold up only themselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kudu import Kudu
from tests.support.server import Server
from tests.support.waiting import until

# Its log is a pipe from its second start on, and it writes more than a pipe holds.
PIPE_FOR_LOG = """\
cd "$WEBJOBS_DATA_PATH"
if [ ! -p job_log.txt ]; then rm -f job_log.txt; mkfifo job_log.txt; exit 0; fi
for i in $(seq 20000); do echo "line $i of many words"; done
touch wrote
exec sleep 1000
"""
PIPES_FOR_STATUS = """\
cd "$WEBJOBS_DATA_PATH/$WEBJOBS_RUN_ID"
mkfifo status.new
rm -f status
mkfifo status
"""
LINKS = """\
cd "$WEBJOBS_DATA_PATH/$WEBJOBS_RUN_ID"
ln -s "$WEBJOBS_DATA_PATH/victim" status.new
ln -sf "$WEBJOBS_DATA_PATH/victim" status
echo kept > "$WEBJOBS_DATA_PATH/victim"
"""


@pytest.fixture
def kudu(tmp_path: Path) -> Iterator[Kudu]:
    with Server(tmp_path, cfg="RUNNERS = 1\nWEBJOBS_RESTART_TIME = 1\n") as server:
        yield Kudu(server)


def test_a_pipe_in_place_of_a_log_holds_up_no_other_job(kudu: Kudu) -> None:
    kudu.deploy("continuous", "wedge", PIPE_FOR_LOG)
    until((kudu.data("continuous", "wedge") / "wrote").exists, 60)

    kudu.deploy("triggered", "hello", "echo hello\n")

    assert kudu.ended(kudu.start("hello"), seconds=20)["status"] == "Success"


@pytest.mark.parametrize("script", [PIPES_FOR_STATUS, LINKS])
def test_what_stands_in_place_of_a_status_is_replaced(kudu: Kudu, script: str) -> None:
    kudu.deploy("triggered", "odd", script)
    kudu.deploy("triggered", "hello", "echo hello\n")

    assert kudu.ended(kudu.start("odd"), seconds=20)["status"] == "Success"
    assert kudu.ended(kudu.start("hello"), seconds=20)["status"] == "Success"

    data = kudu.data("triggered", "odd")
    (status,) = data.glob("*/status")
    until(lambda: status.is_file() and not status.is_symlink() and "EndTime" in status.read_text())
    assert script != LINKS or (data / "victim").read_text() == "kept\n"
