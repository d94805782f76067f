"""Web jobs brought, brought back and taken away under Kudu's own addresses."""

from collections.abc import Iterator

import pytest

from jobsched.model import WebJobType
from jobsched.web import uploads
from jobsched.web.kudu import kudu as routes
from jobsched.webjobs.deployment import Place
from tests.support.kudu import ZIP, Kudu
from tests.support.native import Native
from tests.support.server import Server

FOR_EVER = "echo begun\nsleep 300 & wait\n"


@pytest.fixture(scope="module")
def kudu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kudu]:
    with Server(tmp_path_factory.mktemp("uploads")) as server:
        yield Kudu(server)


def test_a_broken_upload_leaves_nothing(kudu: Kudu) -> None:
    for headers, data, word in (
        ({}, b"echo", "filename="),
        ({"Content-Disposition": "attachment"}, b"echo", "filename="),
        ({"Content-Disposition": "attachment; filename=a.txt"}, b"text", "script"),
        (ZIP, b"no zip", "zip"),
    ):
        response = kudu.server.put("/api/triggeredwebjobs/bad", data=data, headers=headers)
        assert response.status_code == 400, word
        assert word in response.text
    assert not kudu.folder("triggered", "bad").exists()
    assert kudu.server.get("/api/triggeredwebjobs/bad").status_code == 404


@pytest.mark.parametrize(
    "disposition",
    [
        "attachment; filename=run.sh",
        'attachment; attachment; filename="run.sh"',
        "attachment; filename=C:\\build\\run.sh",
        "attachment; filename*=UTF-8''run.sh",
        'filename="=?utf-8?B?cnVuLnNo?="',
    ],
)
def test_file_names_come_in_every_form(kudu: Kudu, disposition: str) -> None:
    headers = {"Content-Disposition": disposition}

    response = kudu.server.put("/api/triggeredwebjobs/forms", data=b"true\n", headers=headers)

    assert response.status_code == 200, response.text
    assert response.json()["run_command"] == "run.sh"


def test_an_upload_that_is_deleted_at_the_same_time_is_a_conflict(
    api: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.app.register_blueprint(routes)
    replace = uploads.replace

    def deleted_meanwhile(place: Place, file: str | None) -> None:
        replace(place, file)
        api.operations.webjobs.sync()
        api.operations.webjobs.delete(WebJobType.TRIGGERED, "brief", "somebody else")

    monkeypatch.setattr(uploads, "replace", deleted_meanwhile)
    headers = {"Content-Disposition": "attachment; filename=run.sh"}

    answer = api.client().put("/api/triggeredwebjobs/brief", data=b"true", headers=headers)

    assert answer.status_code == 409
    assert "deleted" in answer.text


def test_a_deployment_can_be_rolled_back(kudu: Kudu) -> None:
    kudu.deploy("triggered", "twice", "echo version one\n")
    kudu.deploy("triggered", "twice", "print('version two')\n", file="run.py")

    back = kudu.asked("POST", "/api/triggeredwebjobs/twice/rollback").json()

    assert back["run_command"] == "run.sh"
    assert "version one" in kudu.output(kudu.run("twice"))
    kudu.deploy("triggered", "once", "true\n")
    assert kudu.server.post("/api/triggeredwebjobs/once/rollback").status_code == 409
    assert kudu.server.post("/api/triggeredwebjobs/unknown/rollback").status_code == 404


def test_a_deleted_job_is_gone_with_its_data(kudu: Kudu) -> None:
    kudu.deploy("triggered", "doomed", FOR_EVER)
    kudu.start("doomed")

    kudu.delete("triggered", "doomed")
    kudu.delete("triggered", "doomed")

    assert kudu.server.get("/api/triggeredwebjobs/doomed").status_code == 404
    assert not kudu.folder("triggered", "doomed").exists()
    assert not kudu.data("triggered", "doomed").exists()
