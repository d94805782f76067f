from pathlib import Path

import pytest

from jobsched.webjobs.places import Site
from tests.support.webjobs import CONTINUOUS, TRIGGERED


def test_a_new_job_is_put_below_app_data(tmp_path: Path) -> None:
    site = Site(tmp_path)

    folder = site.folder(TRIGGERED, "backup")

    assert folder == tmp_path / "site/wwwroot/App_Data/jobs/triggered/backup"


@pytest.mark.parametrize("name", ["app_data", "APP_DATA", "App_data"])
def test_w3_app_data_of_any_case_is_taken_as_it_is_on_disk(tmp_path: Path, name: str) -> None:
    (tmp_path / "site" / "wwwroot" / name).mkdir(parents=True)

    folder = Site(tmp_path).folder(CONTINUOUS, "loop")

    assert folder == tmp_path / f"site/wwwroot/{name}/jobs/continuous/loop"


def test_the_seeds_spelling_gives_way_to_todays_where_both_are_there(tmp_path: Path) -> None:
    for name in ("App_Data", "app_data"):
        (tmp_path / "site" / "wwwroot" / name).mkdir(parents=True)

    assert Site(tmp_path).jobs_root.parent.name == "App_Data"


def test_folders_below_app_data_are_found_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "site/wwwroot/App_Data/Jobs/Triggered").mkdir(parents=True)

    first, _ = Site(tmp_path).roots(TRIGGERED)

    assert first == tmp_path / "site/wwwroot/App_Data/Jobs/Triggered"


@pytest.mark.parametrize(
    ("given", "expected"),
    [("../jobs-elsewhere", "site/wwwroot/../jobs-elsewhere"), ("jobs", "site/wwwroot/jobs")],
)
def test_webjobs_root_path_starts_at_wwwroot(tmp_path: Path, given: str, expected: str) -> None:
    assert Site(tmp_path, given).jobs_root == tmp_path / expected


def test_an_absolute_webjobs_root_path_replaces_the_first_root_only(tmp_path: Path) -> None:
    first, second = Site(tmp_path, "/srv/jobs").roots(TRIGGERED)

    assert first == Path("/srv/jobs/triggered")
    assert second == tmp_path / "site/jobs/triggered"


def test_every_folder_of_jobs_is_named_once(tmp_path: Path) -> None:
    places = [path for _, path in Site(tmp_path).kinds()]

    assert len(places) == len(set(places)) == 4
