import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched.model import EndedBy
from jobsched.operations.announce import Announcer
from jobsched.operations.clients import Clients
from jobsched.operations.commands import Command
from tests.support.native import Native, native_api


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Native]:
    with native_api(tmp_path) as made:
        yield made


def clients_of(api: Native) -> Clients:
    return Clients(api.store, api.settings, Announcer(api.woken.append))


def attached(api: Native, holder: str) -> int:
    return api.operations.commands.submit(Command(text="true"), "ada", holder).id


def ended_by(api: Native, run_id: int) -> EndedBy | None:
    run = api.store.runs.get(run_id)
    assert run is not None
    return run.ended_by


def killed_holder(api: Native) -> str:
    """Return the mark of a process that held clients until it was killed."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, clients_of(api).holder().encode())
        signal.pause()
    os.close(writer)
    holder = os.read(reader, 200).decode()
    os.close(reader)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return holder


def test_a_process_has_one_mark(api: Native) -> None:
    clients = clients_of(api)

    assert clients.holder() == clients.holder()
    assert clients.holder().startswith(f"{api.settings.node}/")


def test_what_living_processes_hold_is_left_alone(api: Native) -> None:
    run = attached(api, clients_of(api).holder())

    clients_of(api).bury()

    assert ended_by(api, run) is None
    assert api.store.attached.all() != []


def test_what_a_killed_process_held_is_killed(api: Native) -> None:
    mine, theirs = attached(api, clients_of(api).holder()), attached(api, killed_holder(api))
    api.woken.clear()

    clients_of(api).bury()

    assert ended_by(api, mine) is None
    assert ended_by(api, theirs) is EndedBy.DISCONNECT
    assert [run for run, _ in api.store.attached.all()] == [mine]
    assert api.woken[0] == "supervisor"
    api.woken.clear()
    clients_of(api).bury()
    assert api.woken == []


def test_a_mark_without_a_lock_is_a_dead_one_here_and_unknown_elsewhere(api: Native) -> None:
    here = attached(api, f"{api.settings.node}/gone")
    elsewhere = attached(api, "another-machine/gone")

    clients_of(api).bury()

    assert ended_by(api, here) is EndedBy.DISCONNECT
    assert ended_by(api, elsewhere) is None


def test_the_locks_of_the_dead_are_removed(api: Native) -> None:
    killed_holder(api)
    folder = api.settings.data_dir / "clients"
    mine = clients_of(api).holder().partition("/")[2]

    clients_of(api).bury()

    assert [path.name for path in folder.iterdir() if path.name != mine] == []


def test_an_ordered_stop_is_what_ends_the_runs_of_clients_that_wait(api: Native) -> None:
    clients = clients_of(api)
    run = attached(api, clients.holder())

    clients.stopped(run)

    assert ended_by(api, run) is EndedBy.SHUTDOWN
    assert api.store.attached.all() == []


def test_a_forked_process_has_a_mark_of_its_own(api: Native) -> None:
    clients = clients_of(api)
    mine = clients.holder()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, clients.holder().encode())
        os._exit(0)
    os.waitpid(pid, 0)

    theirs = os.read(reader, 200).decode()

    os.close(reader)
    os.close(writer)
    assert theirs != mine
    run = attached(api, theirs)
    clients_of(api).bury()
    assert ended_by(api, run) is EndedBy.DISCONNECT
