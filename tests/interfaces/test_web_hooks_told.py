"""Web hooks of a whole server: who subscribed is told what ran, also after a crash."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import Receiver
from tests.support.server import Server
from tests.support.waiting import until

FAILING = """
[failing]
file = runscript.py
class = RunScript
script = failing.bash
"""
SCRIPT = "#!/bin/bash\necho broken\nexit 3\n"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def server_in(folder: Path) -> Server:
    return Server(
        folder,
        catalog=FAILING,
        cfg="WEBHOOK_ALLOWED_HOSTS = ['127.0.0.1']",
        files={"failing.bash": SCRIPT},
    )


def subscribe(server: Server, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    response = server.post("/api/hooks", json={"url": receiver.url(), **fields})
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def deploy(server: Server, name: str, script: str, kind: str = "triggered") -> None:
    """Put a web job where the server finds it, and wait until it has."""
    folder = server.data / "site" / "wwwroot" / "App_Data" / "jobs" / kind / name
    folder.mkdir(parents=True)
    (folder / "run.sh").write_text(script, encoding="utf-8")
    url = f"/api/{kind}webjobs/{name}"
    until(lambda: server.get(url).status_code == 200, 20, f"{name} is not found")


def run(server: Server, name: str) -> str:
    """Run a triggered web job; return the address of its run."""
    response = server.post(f"/api/triggeredwebjobs/{name}/run")
    assert response.status_code == 202, response.text
    return response.headers["Location"]


def test_TriggeredJobCallsSubscribedWebHooks(tmp_path: Path, receiver: Receiver) -> None:
    with server_in(tmp_path) as server:
        hook = subscribe(server, receiver, event="TriggeredJobFinished")
        deploy(server, "hooked", "echo hello\n")

        url = run(server, "hooked")
        until(lambda: receiver.posts, 20)

        [post] = receiver.posts
        body = post.json
        assert (body["job_name"], body["status"]) == ("hooked", "Success")
        assert body == server.get(url).json()
        assert body["url"] == url
        assert server.get(body["output_url"]).status_code == 200
        told = until(lambda: _told(server, hook["id"]))
        assert (told["last_status"], told["last_reason"]) == ("OK", "OK")
        assert "hooked" in told["last_context"]

        server.delete(f"/api/hooks/{hook['id']}")
        run(server, "hooked")
        runs = f"{server.url}/api/triggeredwebjobs/hooked/history"
        until(
            lambda: [each["status"] for each in server.get(runs).json()["runs"]] == ["Success"] * 2
        )
        assert len(receiver.posts) == 1


def test_only_failures_are_told_to_who_wants_only_those(tmp_path: Path, receiver: Receiver) -> None:
    with server_in(tmp_path) as server:
        subscribe(server, receiver, event="TriggeredJobFinished", only_failures=True)
        deploy(server, "good", "exit 0\n")
        deploy(server, "bad", "exit 1\n")

        run(server, "good")
        run(server, "bad")
        until(lambda: receiver.posts, 20)

        assert [(post.json["job_name"], post.json["status"]) for post in receiver.posts] == [
            ("bad", "Failed")
        ]


def test_a_failed_run_of_any_task_is_told(tmp_path: Path, receiver: Receiver) -> None:
    with server_in(tmp_path) as server:
        subscribe(server, receiver, event="RunFailed")

        made = server.post("/runs", json={"task": "failing"})
        until(lambda: receiver.posts, 20)

        body = receiver.posts[0].json
        assert (body["event"], body["run"]["exit_code"]) == ("RunFailed", 3)
        assert body["run"]["url"] == made.headers["Location"]
        assert server.get(body["run"]["url"]).json()["outcome"] == "failed"


@pytest.mark.parametrize("role", ["supervisor", "parent"])
def test_what_is_not_told_when_everything_is_killed_is_told_afterwards(
    tmp_path: Path, receiver: Receiver, role: str
) -> None:
    with server_in(tmp_path) as server:
        hook = subscribe(server, receiver, event="RunFailed")
        receiver.holding.set()  # the end is in the database, the telling under way
        server.post("/runs", json={"task": "failing"})
        until(lambda: receiver.posts, 20)

        server.kill(role)
        receiver.release()
        if role == "parent":
            server.start()
        until(lambda: len(receiver.posts) == 2, 20)

        first, second = receiver.posts
        assert first.headers["X-Jobsched-Delivery"] == second.headers["X-Jobsched-Delivery"]
        assert first.json["run"] == second.json["run"]
        told = until(lambda: _told(server, hook["id"]))
        assert told["last_status"] == "OK"
        [delivery] = server.get(f"/api/hooks/{hook['id']}/deliveries").json()["values"]
        assert delivery["state"] == "delivered"


def test_a_receiver_that_is_down_is_told_when_it_is_back(tmp_path: Path) -> None:
    with Receiver() as gone:
        pass
    with server_in(tmp_path) as server:
        hook = subscribe(server, gone, event="RunFailed")
        server.post("/runs", json={"task": "failing"})
        told = until(lambda: _told(server, hook["id"]), 20)
        assert (told["last_status"], told["last_reason"]) == ("Failure", "Connection refused")

        [delivery] = server.get(f"/api/hooks/{hook['id']}/deliveries").json()["values"]

        assert delivery["state"] == "waiting"
        assert len(delivery["attempts"]) >= 1
        assert server.lines("web hook not reached", hook["id"])


def test_a_job_that_cannot_stay_up_is_told_once(tmp_path: Path, receiver: Receiver) -> None:
    with server_in(tmp_path) as server:
        subscribe(server, receiver, events=["RestartLoop", "RunFailed"])
        server.post("/api/settings", json={"WEBJOBS_RESTART_TIME": "0"})
        deploy(server, "flapping", "exit 1\n", "continuous")

        until(lambda: receiver.posts, 30)

        [post] = receiver.posts
        body = post.json
        assert (body["event"], body["exits"], body["job"]["name"]) == ("RestartLoop", 6, "flapping")
        assert body["run"]["exit_code"] == 1
        assert body["next_try"].endswith("Z")


def test_slow_receivers_do_not_slow_the_server(tmp_path: Path, receiver: Receiver) -> None:
    receiver.holding.set()
    with server_in(tmp_path) as server:
        subscribe(server, receiver, event="RunFailed")

        for _ in range(5):
            server.post("/runs", json={"task": "failing"})

        until(lambda: len(server.finished("", 5)) == 5, 20)
        assert len(receiver.posts) <= 1
        threading.Timer(0.2, receiver.release).start()
        until(lambda: len(receiver.posts) == 5, 20)


def _told(server: Server, hook_id: str) -> dict[str, Any]:
    """Return the hook once an attempt was made, an empty dict before."""
    found: dict[str, Any] = server.get(f"/api/hooks/{hook_id}").json()
    return found if found["last_status"] else {}
