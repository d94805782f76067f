from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsched.errors import NotAllowed
from jobsched.operations import commands
from jobsched.operations.commands import Command
from jobsched.storage.commands import CommandFilter
from tests.support.native import Native, native_api


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Native]:
    with native_api(tmp_path) as made:
        yield made


def test_long_lists_are_read_in_portions(api: Native, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_AT_ONCE", 2)
    verbs = api.operations.commands
    added = [verbs.submit(Command(text="true"), "ada").id for _ in range(5)]

    assert [run.id for run in verbs.list(CommandFilter())] == added


def test_a_command_says_what_it_is(api: Native) -> None:
    command = Command(text="a; b", name="n", group="g", sync=False, errlog="/tmp/e")

    run = api.operations.commands.submit(command, "ada")

    assert (run.name, run.task, run.requested_by) == ("n", "shell", "ada")
    assert run.params == {"command": "a; b", "group": "g", "sync": 0, "errlog": "/tmp/e"}
    assert api.store.runs.get(run.id) == run


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        ({}, True),
        ({"host": "::1"}, True),
        ({"host": "localhost"}, True),
        ({"allow_submit": False}, False),
        ({"host": "192.0.2.1"}, False),
        ({"host": "example.org"}, False),
        ({"host": "192.0.2.1", "allow_submit": True}, True),
    ],
)
def test_commands_are_off_beyond_loopback_until_they_are_allowed(
    settings: dict[str, Any], allowed: bool, tmp_path: Path
) -> None:
    with native_api(tmp_path, **settings) as api:
        if allowed:
            api.operations.commands.submit(Command(text="true"), "ada")
        else:
            with pytest.raises(NotAllowed, match="ALLOW_SUBMIT = True"):
                api.operations.commands.submit(Command(text="true"), "ada")
        assert len(list(api.operations.commands.list(CommandFilter()))) == allowed
