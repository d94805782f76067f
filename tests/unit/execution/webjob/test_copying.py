"""When the temporary copy of a web job is made anew; named as Kudu's BaseJobRunnerFacts."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobsched.execution.webjob import copying
from jobsched.execution.webjob.copying import CopyFailed, prepare

NEW = "Job directory change detected: Job file '{}' exists in source directory but not in working"
CHANGED = "Job directory change detected: Job file '{}' timestamp differs between source and"
GONE = "Job directory change detected: Job file '{}' has been deleted."


class Job:
    """A folder with a script, and its copies."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.copies = folder / "tmp" / "copies"
        self.said: list[str] = []
        (self.source / "subdir").mkdir(parents=True)
        for name in ("run.sh", "test1.txt", "test2.txt", "subdir/test1.txt", "subdir/test2.txt"):
            (self.source / name).write_text("test")
            os.utime(self.source / name, ns=(10**18, 10**18 + len(name)))
        self.working = self.prepare()

    def prepare(self) -> Path:
        """Prepare a copy in a process that then ends, so that nobody uses it."""
        program = (
            "import sys; from jobsched.execution.webjob.copying import prepare\n"
            "print(prepare(*sys.argv[1:4], None, lambda text: print(text)))"
        )
        argv = [sys.executable, "-c", program, str(self.source), str(self.copies), "run.sh"]
        answer = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        *said, folder = answer.stdout.splitlines()
        self.said = said
        return Path(folder)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_JobDirectoryHasChanged_NoChanges(job: Job) -> None:
    assert job.prepare() == job.working
    assert job.said == []


def test_JobDirectoryHasChanged_FileModifiedInSubDir(job: Job) -> None:
    (job.source / "subdir" / "test2.txt").write_text("update")

    working = job.prepare()

    assert working != job.working
    assert job.said[0].startswith(CHANGED.format("subdir/test2.txt"))
    assert (working / "subdir" / "test2.txt").read_text() == "update"


def test_JobDirectoryHasChanged_FileModifiedInRootDir(job: Job) -> None:
    (job.source / "test2.txt").write_text("update")

    assert job.prepare() != job.working
    assert job.said[0].startswith(CHANGED.format("test2.txt"))


def test_JobDirectoryHasChanged_FileAddedInRootDir(job: Job) -> None:
    (job.source / "test4.txt").write_text("test")

    assert (job.prepare() / "test4.txt").exists()
    assert job.said[0].startswith(NEW.format("test4.txt"))


def test_JobDirectoryHasChanged_FileDeleted(job: Job) -> None:
    (job.source / "test2.txt").unlink()

    assert not (job.prepare() / "test2.txt").exists()
    assert job.said == [GONE.format("test2.txt")]


def test_JobDirectoryHasChanged_FileAddedInWorkingDir(job: Job) -> None:
    (job.working / "test4.txt").write_text("test")

    assert job.prepare() == job.working
    assert job.said == []


def test_JobDirectoryHasChanged_FileModifiedInWorkingDir(job: Job) -> None:
    (job.working / "test2.txt").write_text("x")

    assert (job.prepare() / "test2.txt").read_text() == "test"
    assert job.said[0].startswith(CHANGED.format("test2.txt"))


def test_JobDirectoryHasChanged_FileDeletedInWorkingDir(job: Job) -> None:
    (job.working / "test2.txt").unlink()

    assert (job.prepare() / "test2.txt").exists()
    assert job.said[0].startswith(NEW.format("test2.txt"))


def test_JobDirectoryHasChanged_IsCaseInsensitive(job: Job) -> None:
    (job.working / "test1.txt").rename(job.working / "TEST1.TXT")

    assert job.prepare() == job.working
    assert job.said == []


def test_but_a_file_of_the_job_that_is_renamed_by_case_is_a_new_one(job: Job) -> None:
    (job.source / "test1.txt").rename(job.source / "TEST1.TXT")

    assert (job.prepare() / "TEST1.TXT").exists()
    assert job.said[0].startswith(NEW.format("TEST1.TXT"))


def test_the_script_is_there_in_any_case(job: Job) -> None:
    (job.working / "run.sh").rename(job.working / "RUN.SH")

    assert (job.prepare() / "run.sh").exists()


def test_times_rights_and_links_are_copied(job: Job) -> None:
    (job.source / "run.sh").chmod(0o755)
    (job.source / "link").symlink_to("run.sh")
    (job.source / "folders").symlink_to("subdir")
    os.mkfifo(job.source / "fifo")

    working = job.prepare()

    assert (working / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (working / "run.sh").stat().st_mtime_ns == (job.source / "run.sh").stat().st_mtime_ns
    assert (working / "link").readlink() == Path("run.sh")
    assert (working / "folders").readlink() == Path("subdir")
    assert not (working / "fifo").exists()
    assert job.prepare() == working


def test_an_old_copy_is_removed_when_nobody_uses_it(job: Job) -> None:
    (job.source / "new.txt").write_text("test")

    working = job.prepare()

    assert [path for path in job.copies.iterdir() if path.is_dir()] == [working]


def test_one_that_is_in_use_stays_until_it_is_not(job: Job, tmp_path: Path) -> None:
    program = (
        "import os, sys; from jobsched.execution.webjob.copying import prepare\n"
        "prepare(*sys.argv[1:4], None, print)\n"
        "os.execv('/bin/sh', ['sh', '-c', 'echo ready; read line'])"
    )
    argv = [sys.executable, "-c", program, str(job.source), str(job.copies), "run.sh"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == b"ready\n"
        (job.source / "new.txt").write_text("test")

        job.prepare()

        assert (job.working / "run.sh").exists()
        user.communicate(b"\n")
    job.prepare()
    assert not job.working.exists()


def test_those_who_come_at_once_share_one_copy(job: Job) -> None:
    (job.source / "new.txt").write_text("test")

    with ThreadPoolExecutor(8) as pool:
        folders = {*pool.map(lambda _: job.prepare(), range(8))}

    assert len(folders) == 1
    assert folders.pop() != job.working


def test_what_a_killed_launcher_left_is_removed(job: Job) -> None:
    (job.copies / ".new-abc").mkdir()

    job.prepare()

    assert not (job.copies / ".new-abc").exists()


def test_a_lost_or_damaged_record_makes_a_new_copy(job: Job) -> None:
    (job.copies / "current").write_text("")

    assert job.prepare() != job.working


def test_a_copy_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    with pytest.raises(CopyFailed, match=r"Failed to copy job files from .*: No such file"):
        prepare(str(tmp_path / "none"), str(tmp_path / "copies"), "run.sh", None, print)


def test_a_file_that_is_replaced_by_a_link_is_not_followed(job: Job, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (job.source / "test1.txt").unlink()
    (job.source / "test1.txt").symlink_to(secret)

    working = job.prepare()

    assert (working / "test1.txt").is_symlink()
    assert copying.files_of(str(working))["test1.txt"][1] == len(str(secret))


@pytest.mark.parametrize("relative", [True, False])
def test_a_link_in_place_of_the_folder_is_followed(
    job: Job, tmp_path: Path, *, relative: bool
) -> None:
    linked = tmp_path / "linked"
    linked.symlink_to("source" if relative else job.source)

    folder = prepare(str(linked), str(tmp_path / "other"), "run.sh", None, job.said.append)

    assert copying.files_of(folder) == copying.files_of(str(job.source))
    assert prepare(str(linked), str(tmp_path / "other"), "run.sh", None, job.said.append) == folder


def test_a_link_that_another_user_made_is_told_and_not_followed(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = tmp_path / "linked"
    linked.symlink_to(job.source)
    if os.geteuid() == 0:
        os.chown(linked, 12345, 12345, follow_symlinks=False)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)

    with pytest.raises(CopyFailed, match="a link of another user"):
        prepare(str(linked), str(tmp_path / "other"), "run.sh", None, job.said.append)


def test_a_link_to_nothing_is_told_with_its_target(job: Job, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.symlink_to("nowhere")

    with pytest.raises(CopyFailed, match=f"No such file or directory: {tmp_path}/nowhere$"):
        prepare(str(linked), str(tmp_path / "other"), "run.sh", None, job.said.append)
