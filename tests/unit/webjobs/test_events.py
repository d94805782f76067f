from pathlib import Path

import pytest

from jobsched.webjobs import events
from jobsched.webjobs.places import Site
from tests.support.webjobs import CONTINUOUS, TRIGGERED


def test_a_change_names_the_job_in_whose_folder_it_is(tmp_path: Path) -> None:
    site = Site(tmp_path)
    first, second = site.roots(TRIGGERED)[0], site.roots(CONTINUOUS)[1]

    names = events.names_of(site, [first / "Backup" / "a" / "b", second / "loop"])

    assert names == {(TRIGGERED, "backup"), (CONTINUOUS, "loop")}


@pytest.mark.parametrize("place", ["", "triggered", "../other"])
def test_a_change_elsewhere_may_be_about_any_job(tmp_path: Path, place: str) -> None:
    site = Site(tmp_path)

    assert events.names_of(site, [site.jobs_root / place]) is None


@pytest.mark.parametrize(
    ("name", "matters"),
    [("run.sh", True), ("settings.job", True), ("a.lock", False), (".settings.job.tmp", False)],
)
def test_locks_and_unfinished_files_do_not_matter(name: str, matters: bool) -> None:
    assert events.matters(Path("/jobs") / name) is matters


MOUNTS = """\
20 1 8:1 / / rw - ext4 /dev/sda1 rw
30 20 0:40 / /srv/jobs rw,relatime - nfs4 server:/jobs rw
31 30 0:41 / /srv/jobs/local rw - xfs /dev/sdb1 rw
32 20 0:42 / /mnt/my\\040share rw - cifs //server/share rw
33 20 0:43 / /mnt/sshfs rw - fuse.sshfs host: rw
"""


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("/var/jobs", True),
        ("/srv/jobs/triggered", False),
        ("/srv/jobs", False),
        ("/srv/jobs2", True),
        ("/srv/jobs/local/triggered", True),
        ("/mnt/my share/jobs", False),
        ("/mnt/sshfs/x", False),
    ],
)
def test_network_file_systems_do_not_tell(tmp_path: Path, folder: str, told: bool) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS, encoding="utf-8")

    assert events.are_told(Path(folder), mounts) is told


def test_where_nobody_knows_the_disks_are_believed_to_tell(tmp_path: Path) -> None:
    assert events.are_told(tmp_path, tmp_path / "none")
