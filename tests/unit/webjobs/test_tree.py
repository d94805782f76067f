"""The site's tree is walked without leaving it, and a file's time always moves on."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from jobsched.errors import Conflict, NotAllowed, NotFound
from jobsched.webjobs import swapping
from jobsched.webjobs.moving import TICK, later_than
from jobsched.webjobs.places import Site
from jobsched.webjobs.tree import Tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("site/wwwroot/App_Data/jobs/triggered/Hello", "data", "LogFiles", "runs"):
        (tmp_path / "root" / name).mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    return tmp_path / "root"


@pytest.fixture
def tree(root: Path) -> Tree:
    return Tree(Site(root))


def upload(root: Path, data: bytes = b"new") -> Path:
    path = root / "upload"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("asked", "real"),
    [
        ("site/wwwroot/app_data/JOBS/Triggered/hello/Run.sh",
         "site/wwwroot/App_Data/jobs/triggered/Hello/Run.sh"),
        ("SITE/wwwroot", "site/wwwroot"),
        ("logfiles/X", "LogFiles/X"),
        ("site/WWWRoot/x", "site/wwwroot/x"),
        ("site/other/App_DATA", "site/other/App_DATA"),
        ("new/Folder", "new/Folder"),
    ],
)  # fmt: skip
def test_names_are_found_without_case_where_it_does_not_count(
    tree: Tree, asked: str, real: str
) -> None:
    assert "/".join(tree.resolved(asked.split("/"))) == real


def test_the_exact_name_comes_before_one_of_another_case(tree: Tree, root: Path) -> None:
    jobs = root / "site/wwwroot/App_Data/jobs/triggered"
    (jobs / "hello").mkdir()

    parts = ["site", "wwwroot", "App_Data", "jobs", "triggered", "hello"]

    assert tree.path(tree.resolved(parts)) == jobs / "hello"


def test_the_root_shows_the_site_and_what_clients_put_there_alone(tree: Tree, root: Path) -> None:
    tree.put(["mine.txt"], upload(root))
    tree.make_folder(["runs"])

    assert [node.name for node in tree.children([])] == [
        "site", "data", "LogFiles", "mine.txt", "runs",
    ]  # fmt: skip
    assert (root / "home" / "mine.txt").read_bytes() == b"new"
    assert list((root / "runs").iterdir()) == []


def test_links_are_never_followed(tree: Tree, root: Path, tmp_path: Path) -> None:
    (root / "site" / "folder").symlink_to(tmp_path / "outside")
    (root / "site" / "file").symlink_to(tmp_path / "outside" / "secret")
    refused: list[Callable[[], object]] = [
        lambda: tree.read(["site", "file"]),
        lambda: tree.read(["site", "folder", "secret"]),
        lambda: tree.children(["site", "folder"]),
        lambda: tree.look(["site", "folder", "secret"]),
        lambda: tree.put(["site", "folder", "new"], upload(root)),
        lambda: tree.make_folder(["site", "folder", "new"]),
        lambda: tree.delete_file(["site", "folder", "secret"]),
        lambda: tree.delete_folder(["site", "folder", "x"], None),
    ]

    for work in refused:
        with pytest.raises(NotAllowed):
            work()
    with pytest.raises(Conflict):
        tree.put(["site", "file"], upload(root))
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["secret"]


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(
    tree: Tree, root: Path, tmp_path: Path
) -> None:
    folder, aside = root / "site" / "folder", root / "site" / "aside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"ours")
    aside.symlink_to(tmp_path / "outside")
    done, seen = threading.Event(), set()

    def swap() -> None:
        while not done.is_set():
            swapping.exchange(folder, aside)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for number in range(3000):
            with suppress(NotAllowed, NotFound):
                with tree.read(["site", "folder", "secret"])[0] as file:
                    seen.add(file.read())
                if number % 100 == 0:
                    tree.put(["site", "folder", "new"], upload(root))
    finally:
        done.set()
        swapper.join()

    assert seen == {b"ours"}
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["secret"]


def test_a_link_itself_can_be_deleted(tree: Tree, root: Path, tmp_path: Path) -> None:
    (root / "site" / "file").symlink_to(tmp_path / "outside" / "secret")

    tree.delete_file(["site", "file"])

    assert (tmp_path / "outside" / "secret").exists()
    assert tree.look(["site", "file"]) is None


def test_a_folder_that_is_a_link_is_not_cleared(tree: Tree, root: Path, tmp_path: Path) -> None:
    (root / "site" / "inner").mkdir()
    (root / "site" / "inner" / "link").symlink_to(tmp_path / "outside")

    tree.delete_folder(["site", "inner"], tmp_path / "trash")

    assert not (root / "site" / "inner").exists()
    assert (tmp_path / "outside" / "secret").exists()


def test_special_files_are_not_opened(tree: Tree, root: Path) -> None:
    os.mkfifo(root / "site" / "pipe")

    with pytest.raises(NotAllowed):
        tree.read(["site", "pipe"])


def test_what_is_not_there_is_told(tree: Tree) -> None:
    absent: list[Callable[[], object]] = [
        lambda: tree.read(["site", "none"]),
        lambda: tree.children(["site", "none"]),
        lambda: tree.delete_file(["site", "none"]),
        lambda: tree.delete_folder(["site", "none"], None),
        lambda: tree.read(["nowhere", "none"]),
    ]

    for work in absent:
        with pytest.raises(NotFound):
            work()
    assert tree.look(["site", "none", "deep"]) is None


@pytest.mark.parametrize("parts", [[], ["site"], ["data"], ["LogFiles"]])
def test_the_servers_own_folders_are_not_deleted(
    tree: Tree, tmp_path: Path, parts: list[str]
) -> None:
    with pytest.raises(Conflict):
        tree.delete_folder(parts, tmp_path / "trash")


def test_a_replaced_file_has_a_later_time_and_its_old_mode(tree: Tree, root: Path) -> None:
    first = tree.put(["site", "f"], upload(root))
    (root / "site" / "f").chmod(0o711)
    ahead = time.time_ns() + 5_000_000_000
    os.utime(root / "site" / "f", ns=(ahead, ahead))

    second = tree.put(["site", "f"], upload(root))

    assert first.mtime_ns < ahead
    assert second.mtime_ns == ahead + TICK
    assert (root / "site" / "f").stat().st_mode & 0o777 == 0o711


def test_a_time_far_ahead_is_not_followed() -> None:
    assert later_than(None) <= time.time_ns()
    assert later_than(time.time_ns() + 10**12) <= time.time_ns()
    assert later_than(10) <= time.time_ns()


def test_a_file_comes_from_another_file_system_whole(
    tree: Tree, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace

    def replace(source: os.PathLike[str], target: str, **options: int) -> None:
        if "src_dir_fd" not in options:
            raise OSError(18, "Invalid cross-device link")
        real(source, target, **options)

    monkeypatch.setattr(os, "replace", replace)
    tree.put(["site", "f"], upload(root, b"whole"))

    assert [path.name for path in (root / "site").iterdir()] == ["wwwroot", "f"]
    assert (root / "site" / "f").read_bytes() == b"whole"


def test_a_tree_is_laid_over_another_with_times_that_differ(tree: Tree, root: Path) -> None:
    added = root / "added"
    (added / "deep").mkdir(parents=True)
    for path in (added / "a", added / "deep" / "b", root / "site" / "a"):
        path.write_bytes(b"1")
        os.utime(path, ns=(10**18, 10**18))

    tree.lay(["site"], added)

    assert (root / "site" / "a").stat().st_mtime_ns == 10**18 + TICK
    assert (root / "site" / "deep" / "b").stat().st_mtime_ns == 10**18


def test_nothing_is_laid_where_kinds_do_not_agree(tree: Tree, root: Path) -> None:
    (root / "site" / "z").mkdir()
    added = root / "added"
    added.mkdir()
    (added / "a").touch()
    (added / "z").touch()

    with pytest.raises(Conflict):
        tree.lay(["site"], added)

    assert not (root / "site" / "a").exists()
