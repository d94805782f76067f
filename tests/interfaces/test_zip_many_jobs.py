"""Zip files for folders above those of jobs, or inside one: each job's part is a deployment."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.kudu import Kudu
from tests.support.server import Server
from tests.support.zips import unzipped, zipped

WWWROOT = "/api/zip/site/wwwroot/"
JOBS = "App_Data/jobs"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("zip")) as server:
        yield server


@pytest.fixture
def kudu(server: Server) -> Kudu:
    return Kudu(server)


@pytest.fixture
def name() -> str:
    return f"job-{uuid.uuid4().hex[:8]}"


def put(server: Server, files: dict[str, str], path: str = WWWROOT) -> requests.Response:
    return server.put(path, data=zipped(dict(files)))


def refused(response: requests.Response, words: str, status: int = 400) -> None:
    assert response.status_code == status, response.text
    assert words in response.json()["Message"]


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_a_zip_of_the_whole_site_deploys_each_job_in_it(
    kudu: Kudu, server: Server, name: str
) -> None:
    kudu.deploy("triggered", name, "echo old\n")
    files = {
        f"{JOBS}/triggered/{name}/run.sh": "cat data/answer\n",
        f"{JOBS}/triggered/{name}/data/answer": "42\n",
        f"{JOBS}/continuous/{name}/run.sh": "exec sleep 300\n",
        f"{name}.html": "hello",
    }

    response = put(server, files)

    assert (response.status_code, response.content) == (200, b"")
    assert "42" in kudu.output(kudu.run(name))
    assert kudu.becomes(name, "Running")
    assert contents(server.data / "site" / "wwwroot")[f"{name}.html"] == "hello"
    assert kudu.asked("POST", f"/api/triggeredwebjobs/{name}/rollback")
    assert "old" in kudu.output(kudu.run(name))
    assert not list((server.data / "tmp" / "staging").iterdir())
    kudu.delete("continuous", name)


@pytest.mark.parametrize(
    ("more", "words", "status"),
    [
        ({f"{JOBS}/triggered/not.allowed/run.sh": ""}, "A name is", 400),
        ({f"{JOBS}/continuous/empty/readme.txt": ""}, "empty: There is no script", 400),
        ({f"{JOBS}/triggered/NAME/folder": ""}, "something else", 400),
        ({"app_data/jobs/triggered/NAME/go.sh": ""}, "two folders of the same job", 400),
        ({"apart/file": ""}, "something else", 409),
        ({f"{JOBS}/triggered/linked/run.sh": ""}, "something else", 409),
        ({f"{JOBS}/continuous/c{n}/run.sh": "" for n in range(200)}, "more than 200 jobs", 400),
    ],
    ids=["name", "script", "kind", "twice", "beside", "link", "many"],
)
def test_one_fault_anywhere_and_nothing_changes(
    kudu: Kudu, server: Server, name: str, more: dict[str, str], words: str, status: int
) -> None:
    kudu.put("triggered", name, {"run.sh": "echo old\n", "folder/file": ""})
    wwwroot = server.data / "site" / "wwwroot"
    (wwwroot / "apart").mkdir(exist_ok=True)
    (wwwroot / "apart" / "file").mkdir(exist_ok=True)
    link = kudu.folder("triggered", "linked")
    if any("linked" in path for path in more):
        link.symlink_to(kudu.folder("triggered", name))
    before = contents(wwwroot)
    good = {f"{JOBS}/triggered/{name}/run.sh": "echo new\n", "a.html": "new"}

    response = put(server, good | {path.replace("NAME", name): data for path, data in more.items()})

    link.unlink(missing_ok=True)
    refused(response, words, status)
    assert contents(wwwroot) == before


def test_names_of_another_case_are_the_same_job(kudu: Kudu, server: Server, name: str) -> None:
    kudu.deploy("triggered", name, "echo old\n")

    assert put(server, {f"app_DATA/Jobs/triggered/{name.upper()}/run.sh": "echo new\n"}).ok

    assert "new" in kudu.output(kudu.run(name))
    folders = [path for path in kudu.folder("triggered").iterdir() if path.name.lower() == name]
    assert [path.name for path in folders] == [name]
    assert not (server.data / "site" / "wwwroot" / "app_DATA").exists()


def test_a_zip_for_a_folder_in_a_job_makes_a_new_version_of_it(
    kudu: Kudu, server: Server, name: str
) -> None:
    kudu.put("triggered", name, {"run.sh": "cat data/*\n", "data/a": "old a\n"})

    path = f"{WWWROOT}{JOBS}/triggered/{name}/data/"
    assert put(server, {"a": "new a\n", "b": "new b\n"}, path).ok

    output = kudu.output(kudu.run(name))
    assert [word in output for word in ("old a", "new a", "new b")] == [False, True, True]
    kudu.asked("POST", f"/api/triggeredwebjobs/{name}/rollback")
    assert contents(kudu.folder("triggered", name)) == {
        "run.sh": "cat data/*\n",
        "data/a": "old a\n",
    }


def test_a_job_without_a_script_stays_one_when_the_site_is_put_back(
    kudu: Kudu, server: Server, name: str
) -> None:
    kudu.copy("triggered", name, {"readme.txt": "later"})
    data = server.get(WWWROOT).content
    assert unzipped(data)[f"{JOBS}/triggered/{name}/readme.txt"] == b"later"

    assert server.put(WWWROOT, data=data).status_code == 200

    assert contents(kudu.folder("triggered", name)) == {"readme.txt": "later"}


def test_what_is_hidden_beside_the_jobs_is_none(kudu: Kudu, server: Server, name: str) -> None:
    files = {f".hidden.{name}/x": "1", "readme.txt": "2", f"{name}/run.sh": "echo 3\n"}

    assert put(server, files, f"{WWWROOT}{JOBS}/triggered/").ok

    assert contents(kudu.folder("triggered"))[f".hidden.{name}/x"] == "1"
    assert contents(kudu.folder("triggered"))["readme.txt"] == "2"
    assert kudu.run(name)["status"] == "Success"


def test_a_zip_for_the_root_reaches_jobs_and_what_clients_keep_there(
    kudu: Kudu, server: Server, name: str
) -> None:
    files = {f"site/jobs/triggered/{name}/run.sh": "echo 1\n", "mine/x": "2", f"{name}.txt": "3"}

    assert put(server, files, "/api/zip/").status_code == 200

    assert kudu.run(name)["status"] == "Success"
    assert server.get("/api/vfs/mine/x").text == "2"
    assert server.get(f"/api/vfs/{name}.txt").text == "3"
