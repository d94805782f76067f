import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched.execution.belongings import belongings
from jobsched.execution.runner.forbidding import Forbidden
from jobsched.settings import Settings


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name in ("conf", "var", "elsewhere"):
        (tmp_path / name).mkdir()
    handler = logging.FileHandler(tmp_path / "elsewhere" / "server.log")
    logging.getLogger("jobsched").addHandler(handler)
    yield tmp_path
    logging.getLogger("jobsched").removeHandler(handler)
    handler.close()


def of(folder: Path, database: str = "") -> Forbidden:
    return belongings(
        Settings(
            conf_dir=folder / "conf",
            tasks_dir=folder / "tasks",
            data_dir=folder / "var",
            cert_file=folder / "elsewhere" / "cert.pem",
            key_file=folder / "elsewhere" / "key.pem",
            database_url=database or f"sqlite:///{folder}/elsewhere/jobs.db",
        )
    )


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("var", "lies in the server's data folder"),
        ("var/runs/1", "lies in the server's data folder"),
        ("conf/new.cfg", "lies in the server's configuration folder"),
        ("elsewhere/jobs.db", "belongs to the server's database"),
        ("elsewhere/jobs.db-wal", "belongs to the server's database"),
        ("elsewhere/jobs.db.scheduler", "belongs to the server's database"),
        ("elsewhere/../elsewhere/server.log", "is the server's log"),
        ("elsewhere/cert.pem", "is the server's certificate"),
        ("elsewhere/key.pem", "is the server's certificate"),
        ("elsewhere/jobs.db.mine", None),
        ("various", None),
        ("elsewhere", None),
    ],
)
def test_what_is_the_servers_is_known_by_its_place(
    path: str, reason: str | None, folder: Path
) -> None:
    assert of(folder).path(str(folder / path)) == reason


def test_the_files_beside_a_database_are_those_beside_what_a_link_leads_to(folder: Path) -> None:
    (folder / "link.db").symlink_to(folder / "elsewhere" / "jobs.db")

    forbidden = of(folder, f"sqlite:///{folder}/link.db")

    for name in ("link.db.chores", "elsewhere/jobs.db-wal", "link.db"):
        assert forbidden.path(str(folder / name)) == "belongs to the server's database"


def test_a_database_on_a_server_has_no_files_here(folder: Path) -> None:
    assert not [
        reason
        for reason in of(folder, "postgresql+psycopg://127.0.0.1/jobs").places.values()
        if "database" in reason
    ]


def test_another_name_of_a_file_is_known_by_the_file(folder: Path) -> None:
    (folder / "elsewhere" / "key.pem").write_text("secret")
    (folder / "conf" / "jobsched.cfg").write_text("")
    (folder / "second").hardlink_to(folder / "elsewhere" / "key.pem")
    (folder / "third").hardlink_to(folder / "conf" / "jobsched.cfg")
    (folder / "mine").write_text("")
    forbidden = of(folder)

    assert forbidden.file((folder / "second").stat()) == "is the server's certificate"
    assert "second name" in str(forbidden.file((folder / "third").stat()))
    assert forbidden.file((folder / "mine").stat()) is None
    assert forbidden.file(Path("/dev/null").stat()) is None


def test_it_passes_through_a_message(folder: Path) -> None:
    forbidden = of(folder)

    assert Forbidden.from_message(forbidden.to_message()) == forbidden
