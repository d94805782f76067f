"""Who may send text commands, and what the server itself refuses."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsched.model import Role
from jobsched.web.commands import commands
from jobsched.web.watching import NO_RUN
from tests.support.native import Native, native_api

TEXT = "text/plain; charset=utf-8"


def with_commands(folder: Path, **settings: Any) -> Iterator[Native]:
    with native_api(folder, **settings) as api:
        api.app.register_blueprint(commands)
        yield api


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Native]:
    yield from with_commands(tmp_path)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Native]:
    yield from with_commands(tmp_path, queue_limit=1)


def ask(api: Native, name: str, token: str | None = None, /, **parameters: object) -> Any:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return api.client().post(f"/{name}", data=parameters, headers=headers)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.VIEWER, {"help", "jobinfo", "wait"}),
        (Role.OPERATOR, {"help", "jobinfo", "wait", "kill"}),
        (Role.ADMIN, {"help", "jobinfo", "wait", "kill", "submit"}),
    ],
)
def test_each_command_needs_its_role(api: Native, role: Role, allowed: set[str]) -> None:
    token = api.guarded.tokens.create(role)
    all_parameters: dict[str, dict[str, object]] = {
        "help": {},
        "jobinfo": {"all": 1},
        "wait": {"jobid": 1},
        "kill": {"jobid": 1},
        "submit": {"command": "true", "sync": 0},
    }
    asked = {name: ask(api, name, token, **given) for name, given in all_parameters.items()}

    assert {name for name, answer in asked.items() if answer.status_code == 200} == allowed
    refused = [answer for name, answer in asked.items() if name not in allowed]
    assert {answer.status_code for answer in refused} <= {403}
    assert all(answer.text.startswith("Error: This needs the role ") for answer in refused)
    assert ask(api, "shutdown", token).status_code == (409 if role is Role.ADMIN else 403)


def test_without_a_token_nobody_gets_in_once_there_is_one(api: Native) -> None:
    api.guarded.tokens.create(Role.ADMIN)

    for name in ("submit", "jobinfo", "kill", "wait", "shutdown", "help"):
        answer = ask(api, name)
        assert (answer.status_code, answer.content_type) == (401, TEXT)
        assert answer.text.startswith("Error: A token is needed here")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_changes_something_leaves_an_audit_row(api: Native, method: str) -> None:
    for path in ("/submit?command=true&sync=0", "/kill?jobid=1", "/shutdown"):
        api.client().open(path, method=method)
    for path in ("/jobinfo", "/wait?jobid=99", "/help"):
        api.client().open(path, method=method)

    rows = [row.what for row in api.guarded.audit]

    assert rows == [f"{method} /submit", f"{method} /kill", f"{method} /shutdown"]


def test_an_audit_row_names_the_jobs_that_are_made_and_killed(api: Native) -> None:
    for sync in (0, 1):
        api.client().post("/submit", data={"command": "true", "sync": sync})
    api.client().post("/kill", data={"jobid": "1,2, x"})
    api.client().post("/kill", data={"jobid": ""})

    rows = [row.target for row in api.guarded.audit]

    assert rows == ["/runs/1", "/runs/2", "/runs/1,2,x", "/kill"]


def test_a_full_queue_is_told_in_text(full: Native) -> None:
    assert ask(full, "submit", command="true", sync=0).status_code == 200

    answers = [ask(full, "submit", command="true", sync=sync) for sync in (0, 1)]

    for answer in answers:
        assert (answer.status_code, answer.content_type) == (503, TEXT)
        assert answer.text == "Error: The queue is full: 1 runs wait already.\n"
        assert answer.headers["Retry-After"] == "1"
    assert len(full.store.runs.live()) + full.store.runs.queued() == 1


def test_where_too_many_wait_already_nothing_is_run(api: Native) -> None:
    watcher = api.app.extensions["jobsched.watcher"]
    waiters = [watcher.watch(NO_RUN, None) for _ in range(4)]

    answer = ask(api, "submit", command="true", sync=1)

    for waiter in waiters:
        waiter.leave()
    assert (answer.status_code, answer.content_type) == (503, TEXT)
    assert answer.text.startswith("Error: As many requests wait already")
    assert api.store.runs.queued() == 0


def test_a_kill_is_done_also_where_too_many_wait_already(api: Native) -> None:
    job = int(ask(api, "submit", command="true", sync=0).text)
    api.store.claims.claim("here", "boot", ["r1"], 1, 0)
    watcher = api.app.extensions["jobsched.watcher"]
    waiters = [watcher.watch(NO_RUN, None) for _ in range(4)]

    answer = ask(api, "kill", jobid=job)

    for waiter in waiters:
        waiter.leave()
    assert answer.text == f"Job {job} is being killed\n"
    assert api.store.claims.stops("here")[0].at_once


def test_a_refused_form_is_told_in_text(api: Native) -> None:
    answer = api.client().post("/submit", data=b"x" * 2_000_000)

    assert (answer.status_code, answer.content_type) == (413, TEXT)
    assert answer.text.startswith("Error: ")


def test_other_methods_are_told_in_text(api: Native) -> None:
    answer = api.client().put("/submit")

    assert (answer.status_code, answer.content_type) == (405, TEXT)
    assert answer.text == "Error: PUT is not possible here.\n"
