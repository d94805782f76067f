"""What the network does to a client, told once and in words."""

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from jobsched.client import connection, following
from jobsched.client.access import find
from jobsched.client.api import Api
from jobsched.client.failures import Refused, TimeIsUp, Unexpected, Unreachable

Answer = Callable[[bytes, int], bytes]


@contextmanager
def serving(answer: Answer) -> Iterator[tuple[Api, list[bytes]]]:
    """Give a client of a server that says what *answer* makes of a request and its number.

    It closes each connection after one answer without saying so.
    """
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    asked.append(client.recv(65536))
                    client.sendall(answer(asked[-1], len(asked)))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Api(find(url, None, None, {"HOME": "/absent"})) as api:
            yield api, asked
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def said(body: str, status: str = "200 OK", *headers: str) -> bytes:
    """Return an answer as it goes over the wire."""
    head = [f"HTTP/1.1 {status}", "Content-Type: application/problem+json", *headers]
    lines = "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""])
    return lines.encode() + body.encode()


def test_a_list_goes_on_at_the_cursor_of_the_next_page_whatever_its_host() -> None:
    pages = [
        '{"values": [{"id": 1}, {"id": 2}], "next": "http://inside:1/runs?limit=2&cursor=a%2Bb"}',
        '{"values": [{"id": 3}], "next": null}',
    ]

    with serving(lambda _, number: said(pages[number - 1])) as (api, asked):
        found = [each["id"] for each in api.values("/runs", {"task": "a b"})]

    assert found == [1, 2, 3]
    assert b"cursor" not in asked[0]
    assert asked[1].startswith(b"GET /runs?task=a+b&limit=1000&cursor=a%2Bb HTTP/1.1\r\n")


def test_no_page_more_than_wanted_is_asked_for() -> None:
    page = '{"values": [{"id": 1}, {"id": 2}], "next": "/runs?cursor=a"}'

    with serving(lambda *_: said(page)) as (api, asked):
        found = list(api.values("/runs", limit=2))

    assert len(found) == 2
    assert len(asked) == 1
    assert b"limit=2" in asked[0]


def test_a_busy_server_is_asked_again_when_it_says() -> None:
    problem = '{"title": "Unavailable", "detail": "busy"}'
    busy = said(problem, "503 Service Unavailable", "Retry-After: 0")

    with serving(lambda _, number: busy if number < 3 else said("{}")) as (api, asked):
        assert api.get("/jobs") == {}
    assert len(asked) == 3

    with serving(lambda *_: busy) as (api, asked), pytest.raises(Refused, match="busy"):
        api.get("/jobs")
    assert len(asked) == connection.BUSY_TRIES


def test_what_must_not_happen_twice_is_sent_again_under_the_same_key() -> None:
    with serving(lambda _, number: b"" if number == 1 else said("{}")) as (api, asked):
        api.order("/runs", {"task": "x"})

    keys = [line for request in asked for line in request.split(b"\r\n") if b"Idempotency" in line]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_what_may_not_be_repeated_is_sent_once() -> None:
    with serving(lambda *_: b"") as (api, asked), pytest.raises(Unreachable, match="cannot be"):
        api.change("POST", "/jobs/x/stop")

    assert len(asked) == 1


@pytest.mark.parametrize("body", ["", "[]", "nonsense", "<html>"])
def test_an_answer_that_is_no_object_is_told(body: str) -> None:
    with (
        serving(lambda *_: said(body)) as (api, _),
        pytest.raises(Unexpected, match="jobsched server"),
    ):
        api.get("/jobs")


def test_an_answer_that_breaks_off_is_told() -> None:
    broken = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"

    with serving(lambda *_: broken) as (api, _), pytest.raises(Unreachable, match="broke off"):
        api.get("/jobs")


def test_output_that_breaks_off_goes_on_at_its_byte() -> None:
    def answer(request: bytes, _: int) -> bytes:
        if b"offset=0" in request:
            return b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc"
        return b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ndef"

    told: list[str] = []
    with serving(answer) as (api, asked):
        deadline = following.Deadline()
        found = b"".join(following.output(api, 1, following.Part(), deadline, told.append))

    assert found == b"abcdef"
    assert b"offset=3" in asked[1]
    assert len(told) == 1


def test_a_server_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PATIENCE", 0.3)
    with serving(lambda *_: said('{"state": "running"}')) as (api, _):
        api.get("/runs/1")

    with pytest.raises(Unreachable):
        following.ended(api, 1, following.Deadline(), lambda _: None)


def test_where_too_many_wait_already_it_is_asked_from_time_to_time() -> None:
    full = said('{"title": "Unavailable"}', "503 Service Unavailable", "Retry-After: 0")
    looks = iter(["running", "running", "done", "done"])

    def answer(request: bytes, _: int) -> bytes:
        if b"events" in request or b"follow=true" in request:
            return full
        if b"output" in request:
            return b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
        return said(f'{{"state": "{next(looks)}", "reason": null}}')

    with serving(answer) as (api, asked):
        run = following.ended(api, 1, following.Deadline(), lambda _: None)
        part = following.Part(follow=True)
        found = b"".join(following.output(api, 1, part, following.Deadline(), lambda _: None))

    assert run["state"] == "done"
    assert found == b"xx"
    assert b"offset=1" in asked[-1]


def test_output_without_end_is_cut_at_the_deadline() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n" + bytes(200_000)

    with serving(lambda *_: endless) as (api, _):
        blocks = following.output(api, 1, following.Part(), following.Deadline(0.2), lambda _: None)
        next(blocks)
        select.select([], [], [], 0.3)
        with pytest.raises(TimeIsUp, match="not ended"):
            next(blocks)


@pytest.mark.parametrize("head", ["Connection: close", "Transfer-Encoding: chunked"])
def test_an_answer_without_end_is_not_read_for_ever(
    head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LONGEST_ANSWER", 1000)
    chunk = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
    body = chunk * 20 if "chunked" in head else b"x" * 20_000

    def endless(*_: object) -> bytes:
        return f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + body

    with serving(endless) as (api, _), pytest.raises(Unexpected, match="too long"):
        api.get("/status")


def test_an_answer_that_says_how_long_it_is_is_not_even_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "LONGEST_ANSWER", 1000)

    with (
        serving(lambda *_: said("x" * 1001)) as (api, _),
        pytest.raises(Unexpected, match="too long"),
    ):
        api.get("/status")


def test_an_answer_of_unknown_length_is_read_whole() -> None:
    body = b'8\r\n{"a": 1,\r\n8\r\n "b": 2}\r\n0\r\n\r\n'

    with serving(lambda *_: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body) as (
        api,
        _,
    ):
        assert api.get("/status") == {"a": 1, "b": 2}
