import json
import os
from pathlib import Path

import pytest

from jobsched.webjobs import discovery
from jobsched.webjobs.discovery import Found, discover, find
from jobsched.webjobs.places import Site
from tests.support.webjobs import ANY, CONTINUOUS, TRIGGERED, put


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def one(site: Site) -> Found:
    (found,) = discover(site, ANY).values()
    return found


def test_without_any_folder_there_are_no_jobs(site: Site) -> None:
    assert discover(site, ANY) == {}


def test_w1_w2_folders_of_both_kinds_are_found_under_their_names(site: Site) -> None:
    put(site, TRIGGERED, "Backup")
    put(site, CONTINUOUS, "loop")

    found = discover(site, ANY)

    assert list(found) == [(TRIGGERED, "backup"), (CONTINUOUS, "loop")]
    assert [each.name for each in found.values()] == ["Backup", "loop"]
    assert all(each.script == "run.sh" and each.error is None for each in found.values())


def test_w3_the_seeds_and_todays_spelling_are_both_searched(site: Site) -> None:
    for spelling, name in (("App_Data", "new"), ("app_data", "old")):
        folder = site.wwwroot / spelling / "jobs" / "triggered" / name
        folder.mkdir(parents=True)
        (folder / "run.sh").touch()

    assert {found.name for found in discover(site, ANY).values()} == {"new", "old"}


def test_the_first_root_wins_for_names_that_differ_by_case_only(site: Site) -> None:
    second = site.roots(TRIGGERED)[1] / "BACKUP"
    second.mkdir(parents=True)
    (second / "run.py").touch()
    first = put(site, TRIGGERED, "backup")

    assert one(site).folder == first
    assert discovery.folders(site, TRIGGERED, "Backup") == [first, second]


def test_the_second_root_is_searched_too(site: Site) -> None:
    second = site.roots(CONTINUOUS)[1] / "loop"
    second.mkdir(parents=True)
    (second / "run.py").touch()

    assert one(site).folder == second


def test_w4_a_folder_without_script_is_kept_with_its_fault(site: Site) -> None:
    put(site, TRIGGERED, "empty", {"readme.txt": "nothing"})

    assert one(site).script is None
    assert one(site).error == discovery.NO_SCRIPT


def test_files_and_hidden_folders_are_no_jobs(site: Site) -> None:
    put(site, TRIGGERED, ".hidden")
    (site.roots(TRIGGERED)[0] / "file.sh").touch()

    assert discover(site, ANY) == {}


@pytest.mark.parametrize("name", ["site.job", "ext(job)", "ünïcode", "with space", "a" * 200])
def test_names_are_taken_as_they_are_on_disk(site: Site, name: str) -> None:
    put(site, TRIGGERED, name)

    assert one(site).name == name


def test_names_that_no_text_can_tell_are_passed_over(site: Site) -> None:
    root = site.roots(TRIGGERED)[0]
    root.mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe")).mkdir()
    (root / "line\nbreak").mkdir()

    assert discover(site, ANY) == {}


@pytest.mark.parametrize("name", ["BACKUP", "backup", "Backup"])
def test_one_job_is_found_whatever_the_case(site: Site, name: str) -> None:
    put(site, TRIGGERED, "Backup")

    found = find(site, ANY, TRIGGERED, name)

    assert found is not None
    assert found.name == "Backup"
    assert find(site, ANY, CONTINUOUS, name) is None


def test_settings_are_read_and_a_broken_file_is_told(site: Site) -> None:
    folder = put(site, TRIGGERED, "backup", schedule="0 0 * * * *", one=1)
    assert one(site).settings.values == {"schedule": "0 0 * * * *", "one": 1}

    (folder / "settings.job").write_text("{", encoding="utf-8")
    assert one(site).settings.values == {}
    assert "settings.job is not valid JSON" in (one(site).error or "")


def test_settings_lie_beside_the_script_of_an_inner_folder(site: Site) -> None:
    text = json.dumps({"timeout": 5})
    put(site, TRIGGERED, "zipped", {"top/run.sh": "", "top/settings.job": text})

    assert one(site).script == "top/run.sh"
    assert one(site).settings.values == {"timeout": 5}


@pytest.mark.parametrize(
    ("script", "said", "in_place"),
    [
        ("run.sh", None, False),
        ("run.js", None, True),
        ("run.sh", True, True),
        ("run.js", False, False),
        ("run.js", "false", True),
    ],
)
def test_only_node_runs_in_place_unless_the_job_says_so(
    site: Site, script: str, said: object, in_place: bool
) -> None:
    put(site, TRIGGERED, "backup", {script: ""}, **({} if said is None else {"is_in_place": said}))

    assert one(site).in_place is in_place


def test_files_that_are_flags_are_told(site: Site) -> None:
    folder = put(site, CONTINUOUS, "loop")
    assert (one(site).disabled, one(site).singleton) == (False, False)

    (folder / "disable.job").touch()
    (folder / "singleton.job").touch()
    assert (one(site).disabled, one(site).singleton) == (True, True)


def test_publish_settings_are_read(site: Site) -> None:
    put(site, TRIGGERED, "backup", {"run.sh": "", "webjob-publish-settings.json": '{"a": 1}'})

    assert one(site).publish.values == {"a": 1}


def test_a_link_to_a_folder_is_a_job(site: Site, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "run.sh").touch()
    root = site.roots(TRIGGERED)[0]
    root.mkdir(parents=True)
    (root / "linked").symlink_to(elsewhere)
    (root / "dangling").symlink_to(tmp_path / "nowhere")

    assert one(site).name == "linked"


def test_a_job_keeps_its_fingerprint_until_a_file_changes(site: Site) -> None:
    folder = put(site, TRIGGERED, "backup")
    before = one(site).fingerprint
    assert one(site).fingerprint == before

    (folder / "data.txt").write_text("new", encoding="utf-8")
    assert one(site).fingerprint != before


def test_in_place_only_the_script_counts_for_the_fingerprint(site: Site) -> None:
    folder = put(site, TRIGGERED, "backup", is_in_place=True)
    before = one(site).fingerprint

    (folder / "data.txt").write_text("written by the job", encoding="utf-8")
    assert one(site).fingerprint == before

    (folder / "run.sh").write_text("another script", encoding="utf-8")
    assert one(site).fingerprint != before
