"""The folders of a triggered web job's runs go with the runs."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched.model import Policy
from jobsched.operations.retention import Retention
from tests.support.supervision import Site
from tests.support.webjobruns import add_webjob, queue_run, run_folder


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()


def test_only_the_newest_runs_keep_their_folders(site: Site) -> None:
    job = add_webjob(site, "kept", {"run.sh": "echo >&2\n"}, policy=Policy(history=2))
    site.start()
    runs = [site.until_done(queue_run(site, job)) for _ in range(4)]
    folders = [run_folder(site, run) for run in runs]
    assert [len([*folder.iterdir()]) for folder in folders] == [3] * 4

    Retention(site.settings, site.store).prune(threading.Event())

    assert [folder.exists() for folder in folders] == [False, False, True, True]
    assert sorted(path.name for path in folders[0].parent.iterdir()) == sorted(
        folder.name for folder in folders[2:]
    )
