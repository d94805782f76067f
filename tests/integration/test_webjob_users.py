"""Web jobs that run as other users: what is theirs, and that nobody else gets at it."""

import os
import pwd
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from jobsched.model import EndedBy, Job, Outcome, Policy, Run, WebJobType
from jobsched.operations.check import data_folder_mistakes, make_private
from tests.support.kudu import Kudu
from tests.support.server import Server
from tests.support.supervision import Site
from tests.support.waiting import until
from tests.support.webjobruns import add_webjob, folders, queue_run, run_folder, written

TRIGGERED = WebJobType.TRIGGERED
FACTS = """\
id -un; id -G; echo "$HOME $USER $LOGNAME"; umask
cd "$WEBJOBS_DATA_PATH" && pwd
echo kept > kept && mkdir deep && echo kept > deep/file && ls -d deep kept
test -r "$WEBJOBS_PATH/run.sh" && echo readable
for path in "$WEBJOBS_PATH/.." "$WEBROOT_PATH" .. "$WEBJOBS_RUN_ID"/*
do test -r "$path" && echo "$path"; done
"""
KEEPS = "cd $WEBJOBS_DATA_PATH; id -un >> kept; mkdir -p deep; touch deep/$(id -un)\n"
HEEDS = """\
echo "$WEBJOBS_SHUTDOWN_FILE"
while [ ! -e "$WEBJOBS_SHUTDOWN_FILE" ]; do sleep 0.05; done
cat "$WEBJOBS_SHUTDOWN_FILE" && echo && touch "$WEBJOBS_SHUTDOWN_FILE.mine" 2>/dev/null || echo seen
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run jobs as others")


@pytest.fixture
def site() -> Iterator[Site]:
    with _open_folder() as folder:
        site = Site(folder)
        site.settings.data_dir.chmod(0o700)
        yield site
        site.close()


@contextmanager
def _open_folder() -> Iterator[Path]:
    """A folder below /tmp through which other users get."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def _job(site: Site, script: str, user: str | None = "nobody", name: str = "mine") -> Job:
    return add_webjob(site, name, {"run.sh": script}, policy=Policy(run_as=user, grace=5.0))


def _run(site: Site, job: Job, user: str | None = "nobody") -> Run:
    policy = replace(job.policy, run_as=user)
    return site.until_done(queue_run(site, job, policy=policy))


def _said(site: Site, run: Run) -> list[str]:
    return written(run_folder(site, run) / "output_log.txt")


def _owner(path: Path) -> str:
    return pwd.getpwuid(path.lstat().st_uid).pw_name


def _as(user: str, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        user=user,
        group=pwd.getpwnam(user).pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        timeout=20,
    )


def test_it_writes_its_data_and_is_shown_nothing_else(site: Site) -> None:
    job = _job(site, FACTS)
    site.start()

    run = _run(site, job)

    nobody = pwd.getpwnam("nobody")
    data = folders(site).data(TRIGGERED, "mine")
    who = ["nobody", str(nobody.pw_gid), f"{nobody.pw_dir} nobody nobody", "0077"]
    assert _said(site, run) == [*who, str(data), "deep", "kept", "readable"]
    assert (_owner(data), stat.S_IMODE(data.stat().st_mode)) == ("nobody", 0o700)
    assert _owner(run_folder(site, run)) == "root"


def test_it_sees_its_shutdown_file_and_no_third_one_can_see_or_forge_it(site: Site) -> None:
    job = _job(site, HEEDS)
    supervisor = site.start()
    run_id = queue_run(site, job)
    log = run_folder(site, site.run(run_id)) / "output_log.txt"
    site.until(lambda: log.exists() and "JobsShutdown" in log.read_text())
    path = written(log)[0]
    folder = str(Path(path).parent)

    assert _as("daemon", "ls", folder).returncode != 0
    assert _as("daemon", "touch", path).returncode != 0
    assert _as("daemon", "ln", "-s", "/etc/passwd", path).returncode != 0
    assert _as("nobody", "touch", path).returncode != 0
    site.store.runs.request_stop(run_id, EndedBy.STOP, "stopped by me", 1)
    supervisor.turn()
    run = site.until_done(run_id, 20)

    assert run.outcome is Outcome.STOPPED
    assert written(log)[1][-1:] == "Z"
    assert written(log)[2] == "seen"


def test_nothing_else_of_the_data_folder_can_be_read_by_anybody(site: Site) -> None:
    data_dir = site.settings.data_dir
    open_ones = [data_dir / "LogFiles", data_dir / "tmp" / "previous", data_dir / "data" / "jobs"]
    other = data_dir / "data" / "jobs" / "triggered" / "other"
    for folder in (*open_ones, other):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "secret").write_text("secret")
        (folder / "secret").chmod(0o644)
    (data_dir / "plain").write_text("secret")
    job = _job(site, "true\n")
    site.start()

    assert _run(site, job).outcome is Outcome.SUCCEEDED
    assert _run(site, _job(site, "true\n", "daemon", "theirs"), "daemon").outcome is (
        Outcome.SUCCEEDED
    )

    found = _as("daemon", "find", str(data_dir), "-readable", "-not", "-path", "*/theirs*").stdout
    files = [data_dir / "plain", *(folder / "secret" for folder in (*open_ones, other))]
    assert found == ""
    for path in (*files, data_dir / "jobsched.db", folders(site).folder(TRIGGERED, "mine")):
        assert _as("nobody", "test", "-r", str(path)).returncode == 1, path
    assert _as("daemon", "ls", str(folders(site).data(TRIGGERED, "mine"))).returncode != 0
    assert _as("nobody", "ls", str(folders(site).data(TRIGGERED, "theirs"))).returncode != 0
    for name in (data_dir, data_dir / "data", data_dir / "tmp"):
        assert stat.S_IMODE(name.stat().st_mode) == 0o711


def test_a_server_starts_again_on_a_folder_that_may_be_passed(site: Site) -> None:
    site.start()
    assert _run(site, _job(site, "true\n")).outcome is Outcome.SUCCEEDED
    (site.settings.data_dir / "new").write_text("secret")

    make_private(site.settings.data_dir)

    assert data_folder_mistakes(site.settings.data_dir) == []
    assert _as("nobody", "test", "-r", str(site.settings.data_dir / "new")).returncode == 1


def test_what_it_keeps_survives_a_deployment_and_follows_its_user(site: Site) -> None:
    job = _job(site, KEEPS)
    data = folders(site).data(TRIGGERED, "mine")
    outside = site.folder / "outside"
    outside.write_text("of the server")
    site.start()

    assert _run(site, job, None).outcome is Outcome.SUCCEEDED
    (data / "link").symlink_to(outside)
    (data / "hard").hardlink_to(outside)
    for user in ("nobody", "daemon", None, "daemon"):
        script = folders(site).folder(TRIGGERED, "mine") / "run.sh"
        script.write_text(script.read_text() + "# deployed again\n")
        assert _run(site, job, user).outcome is Outcome.SUCCEEDED
        for path in (data, data / "kept", data / "deep"):
            assert _owner(path) == (user or "root")

    assert (data / "kept").read_text().split()[1:3] == ["nobody", "daemon"]
    assert [_owner(data / "deep" / name) for name in ("nobody", "daemon")] == ["daemon"] * 2
    assert (_owner(outside), _owner(data / "hard")) == ("root", "root")


def test_a_copy_of_another_user_is_not_used(site: Site) -> None:
    job = _job(site, "id -un; pwd\n")
    site.start()

    first, second = (_said(site, _run(site, job, user)) for user in ("nobody", "daemon"))

    assert (first[0], second[0]) == ("nobody", "daemon")
    assert first[1] != second[1]
    assert not Path(first[1]).exists()


def test_scripts_that_usually_run_in_place_run_from_a_copy_of_the_users(site: Site) -> None:
    files = {"run.js": "console.log(require('os').userInfo().username)\n"}
    job = add_webjob(site, "node", files, policy=Policy(run_as="nobody"), in_place=True)
    site.start()

    run = _run(site, job)

    assert _said(site, run) == ["nobody"], run.reason


def test_links_in_the_way_are_not_followed(site: Site) -> None:
    target = site.folder / "target"
    target.mkdir(mode=0o700)
    data = folders(site).data(TRIGGERED, "mine")
    data.parent.mkdir(parents=True)
    data.symlink_to(target)
    job = _job(site, "true\n")
    site.start()

    run = _run(site, job)

    assert run.outcome is Outcome.NOT_STARTED
    assert "cannot be given to nobody" in str(run.reason)
    assert (_owner(target), stat.S_IMODE(target.stat().st_mode)) == ("root", 0o700)


def test_a_log_that_the_user_made_another_name_of_is_not_written(site: Site) -> None:
    job = _job(site, "true\n")
    victim = site.folder / "victim"
    victim.write_text("of the server\n")
    site.start()
    assert _run(site, job).outcome is Outcome.SUCCEEDED
    data = folders(site).data(TRIGGERED, "mine")
    run_id = queue_run(site, job)
    forged = run_folder(site, site.run(run_id))
    forged.mkdir()  # as the user could, who owns the folder above, where links are not protected
    os.chown(forged, *_ids("nobody"))
    (forged / "output_log.txt").hardlink_to(victim)

    run = site.until_done(run_id)

    assert run.outcome is Outcome.SUCCEEDED
    assert victim.read_text() == "of the server\n"
    assert _owner(data) == "nobody"


CONTINUOUS = """\
cd "$WEBJOBS_DATA_PATH" && id -un >> who
until [ -e "$WEBJOBS_SHUTDOWN_FILE" ]; do sleep 0.05; done
cp "$WEBJOBS_SHUTDOWN_FILE" asked
"""


def test_with_a_whole_server_a_service_of_another_user_is_deployed_stopped_and_deleted() -> None:
    with _open_folder() as folder, Server(folder, cfg="RUN_AS = 'nobody'\n") as server:
        data = server.data / "data" / "jobs" / "continuous" / "service"
        path, kudu = "/api/continuouswebjobs/service", Kudu(server)
        for number in (1, 2):
            kudu.deploy("continuous", "service", f"{CONTINUOUS}# version {number}\n")
            until(partial(_has, data / "who", ["nobody"] * number), 20)
        seen = server.get("/vfs/data/jobs/continuous/service/who").text

        assert server.post(f"{path}/stop").status_code == 200

        assert seen.split() == ["nobody"] * 2
        assert (data / "asked").read_text().endswith("Z")
        assert {_owner(data), _owner(data / "asked")} == {"nobody"}
        assert server.restart().get(path).json()["status"] == "Stopped"
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o711
        assert server.delete(path).status_code == 200
        assert not data.exists()


def _has(path: Path, lines: list[str]) -> bool:
    return path.exists() and path.read_text().split() == lines


def _ids(user: str) -> tuple[int, int]:
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid
