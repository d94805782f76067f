"""A supervisor's start: one of a node at a time."""

import threading
from pathlib import Path

import pytest

from jobsched import events
from jobsched.catalog import Catalog
from jobsched.errors import ConfigurationError
from jobsched.events import Event
from jobsched.execution.supervisor import serving
from jobsched.execution.supervisor.machine import NodeLock
from jobsched.settings import Settings


def test_a_second_supervisor_says_what_it_waits_for_then_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(conf_dir=tmp_path, tasks_dir=tmp_path, data_dir=tmp_path, node="here")
    monkeypatch.setattr(NodeLock, "take", lambda lock: False)
    monkeypatch.setattr(serving, "_LOCK_WITHIN", 0.1)
    heard: list[Event] = []
    deaf = events.listen(heard.append)

    with pytest.raises(ConfigurationError, match="another supervisor of node 'here' is running"):
        serving.run(settings, Catalog({}), lambda: None, threading.Event())

    deaf()
    assert [(event.name, event.fields["node"]) for event in heard] == [("node awaited", "here")]
