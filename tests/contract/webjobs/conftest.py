"""The verbs on web jobs, over each database and a site of the test's own."""

from pathlib import Path

import pytest

from jobsched.operations import Operations
from jobsched.operations.webjobs import WebJobs, syncing
from jobsched.storage import Store
from jobsched.webjobs.places import Site
from tests.support.webjobs import verbs_over


@pytest.fixture
def operations(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operations:
    monkeypatch.setattr(syncing, "_SECOND_LOOK", 0.0)
    return verbs_over(store, tmp_path)


@pytest.fixture
def webjobs(operations: Operations) -> WebJobs:
    return operations.webjobs


@pytest.fixture
def site(webjobs: WebJobs) -> Site:
    return webjobs.site
