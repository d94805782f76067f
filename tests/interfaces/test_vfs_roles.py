"""Who may do what with files: a viewer reads logs, everything else is an admin's."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched.model import Role
from jobsched.web.vfs import vfs
from tests.support.native import Native, native_api
from tests.support.web import ask, bearer
from tests.support.zips import zipped

LOG = "data/jobs/triggered/job/20260101000000000/output_log.txt"
SCHEDULE = "data/jobs/triggered/job/job_scheduler.log"
SCRIPT = "site/wwwroot/App_Data/jobs/triggered/job/run.sh"
# What a job keeps for itself.
OWN = (
    "data/jobs/triggered/job/private.key",
    "data/jobs/triggered/job/20260101000000000/private.key",
    "data/jobs/continuous/job/own/job_log.txt",
)
ZIP = {"Content-Type": "application/zip"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Native]:
    with native_api(tmp_path) as api:
        api.app.register_blueprint(vfs)
        api.operations.webjobs.deployments.prepare()
        rolled = SCHEDULE.replace(".", "_prev.")
        for path in (LOG, SCHEDULE, rolled, SCRIPT, "LogFiles/site.log", *OWN):
            (api.settings.data_dir / path).parent.mkdir(parents=True, exist_ok=True)
            (api.settings.data_dir / path).write_text("text")
        yield api


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/vfs/{LOG}", 200),
        ("/vfs/data/jobs/", 200),
        ("/api/vfs/LogFiles/site.log", 200),
        ("/api/vfs/LogFiles/", 200),
        ("/vfs/data/jobs/triggered/job/20260101000000000/output.log", 200),
        ("/zip/LogFiles/", 200),
        ("/zip/data/jobs/triggered/job/", 200),
        (f"/vfs/{SCHEDULE}", 200),
        (f"/vfs/{SCHEDULE.replace('.', '_prev.')}", 200),
        ("/vfs/data/jobs/triggered/job/private.key", 403),
        ("/vfs/data/jobs/triggered/job/20260101000000000/private.key", 403),
        ("/vfs/data/jobs/continuous/job/own/job_log.txt", 403),
        (f"/vfs/{SCRIPT}", 403),
        ("/vfs/", 403),
        ("/vfs/data/", 403),
        ("/vfs/site/", 403),
        ("/vfs/none", 403),
        ("/zip/site/", 403),
        ("/zip/", 403),
    ],
)
def test_a_viewer_reads_logs_only(api: Native, path: str, status: int) -> None:
    headers = bearer(api.guarded.tokens.create(Role.VIEWER, "eyes"))

    with ask(api.guarded, path, headers=headers) as response:
        assert response.status_code == status


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_what_a_job_keeps_for_itself_is_in_no_list_and_no_zip(api: Native, role: Role) -> None:
    headers = bearer(api.guarded.tokens.create(role, "eyes"))

    with ask(api.guarded, "/zip/data/jobs/triggered/", headers=headers) as packed:
        names = zipfile.ZipFile(io.BytesIO(packed.data)).namelist()
    listed = ask(api.guarded, "/vfs/data/jobs/triggered/job/", headers=headers).get_json()

    logs = ["job_scheduler.log", "job_scheduler_prev.log"]
    assert sorted(names) == [
        "job/20260101000000000/output_log.txt",
        *(f"job/{log}" for log in logs),
    ]
    assert sorted(node["name"] for node in listed) == ["20260101000000000", *logs]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    "path", [f"/vfs/{LOG}", f"/vfs/{SCRIPT}", "/zip/LogFiles/", "/vfs/LogFiles/x"]
)
def test_only_an_admin_changes_files(api: Native, role: Role, method: str, path: str) -> None:
    headers = {**bearer(api.guarded.tokens.create(role, "hand")), "If-Match": "*"}

    response = ask(api.guarded, path, method, headers=headers, data=b"x")

    assert response.status_code == (405 if (method, path[:4]) == ("DELETE", "/zip") else 403)
    assert list(response.get_json()) == ["Message"]
    assert (api.settings.data_dir / LOG).read_text() == "text"


@pytest.mark.parametrize("name", ["bad%20name", "a.b", "-x", "%C3%A4", "x" * 65])
@pytest.mark.parametrize("path", ["/vfs/{}/run.sh", "/vfs/{}/", "/zip/{}/", "/zip/{}/inner/"])
def test_W46_no_file_makes_a_job_of_a_name_that_is_not_allowed(
    api: Native, path: str, name: str
) -> None:
    path = path.format(f"site/wwwroot/app_data/jobs/triggered/{name}")
    made = api.settings.data_dir / "site/wwwroot/App_Data/jobs/triggered"

    answer = ask(api.guarded, path, "PUT", headers=ZIP, data=zipped({"run.sh": "true"}))

    assert answer.status_code == 400
    assert [folder.name for folder in made.iterdir()] == ["job"]


def test_what_is_no_job_may_have_any_name_beside_them(api: Native) -> None:
    for path in ("bad%20name", ".hidden%20folder/file", "job/inner%20folder/a%20file"):
        whole = f"/vfs/site/wwwroot/App_Data/jobs/triggered/{path}"
        assert ask(api.guarded, whole, "PUT", data=b"x").status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/vfs/site/new", 201),
        ("PUT", "/vfs/site/folder/", 201),
        ("PUT", "/zip/site/folder/", 200),
        ("PUT", f"/vfs/{LOG}", 204),
        ("DELETE", f"/vfs/{LOG}", 200),
        ("GET", "/vfs/site", 307),
    ],
)
def test_an_empty_answer_has_no_type(api: Native, method: str, path: str, status: int) -> None:
    headers = {"If-Match": "*", "Content-Type": "application/zip"}

    answer = ask(api.guarded, path, method, headers=headers, data=zipped({"a": "b"}))

    assert (answer.status_code, answer.data) == (status, b"")
    assert "Content-Type" not in answer.headers


def test_changes_and_refusals_are_audited(api: Native) -> None:
    viewer = bearer(api.guarded.tokens.create(Role.VIEWER, "eyes"))
    admin = bearer(api.guarded.tokens.create(Role.ADMIN, "boss"))

    ask(api.guarded, f"/vfs/{SCRIPT}", headers=viewer)
    ask(api.guarded, "/vfs/site/new", "PUT", headers=admin, data=b"x")

    assert [(row.who, row.what, row.target, row.status) for row in api.guarded.audit] == [
        ("eyes", "GET /vfs/<path:path>", f"/vfs/{SCRIPT}", 403),
        ("boss", "PUT /vfs/<path:path>", "/vfs/site/new", 201),
    ]


def test_without_a_token_nobody_gets_in_once_there_is_one(api: Native) -> None:
    api.guarded.tokens.create(Role.VIEWER, "eyes")

    response = ask(api.guarded, f"/vfs/{LOG}")

    assert response.status_code == 401
    assert list(response.get_json()) == ["Message"]
    assert response.headers["WWW-Authenticate"]
