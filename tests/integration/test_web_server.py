"""The web process under attack: a real server, raw sockets."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from jobsched.web.server import STOP_SECONDS
from tests.support.rawhttp import Answer, WebProcess
from tests.support.waiting import until

CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[WebProcess]:
    server = WebProcess(threads=64)
    yield server
    if server.process.poll() is None:
        server.stop()


def test_our_own_user_is_recognised_by_the_connection(server: WebProcess) -> None:
    answer = server.get("/things")

    assert (answer.status, answer.body) == (200, b"loopback")


def test_several_requests_pass_over_one_connection(server: WebProcess) -> None:
    with server.connect() as connection:
        for _ in range(3):
            connection.sendall(b"GET /things HTTP/1.1\r\nHost: localhost\r\n\r\n")

            assert Answer(connection).body == b"loopback"


def test_a_body_in_pieces_and_a_chunked_one_arrive(server: WebProcess) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\n"
    with server.connect() as connection:
        for piece in (head[:10], head[10:], b"abc", b"def"):
            connection.sendall(piece)
        assert Answer(connection).body == b"abcdef"
    chunked = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert server.ask(chunked + b"3\r\nabc\r\n0\r\n\r\n").body == b"abc"


def test_a_header_that_stands_there_twice_is_named(server: WebProcess) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\n"
    twice = b"Content-Type: application/json\r\n" * 2

    answer = server.ask(head + twice + b"Content-Length: 2\r\n\r\n{}")
    lengths = server.ask(head + b"Content-Length: 2\r\n" * 2 + b"\r\n{}")

    problem = answer.problem()
    assert (answer.status, problem["type"]) == (400, "/errors/malformed-request")
    assert problem["instance"] == "/echo"
    assert problem["detail"] == "The header Content-Type may stand there only once."
    assert [(each["field"], each["rule"]) for each in problem["errors"]] == [
        ("Content-Type", "repeated")
    ]
    assert lengths.problem()["errors"][0]["field"] == "Content-Length"


@pytest.mark.parametrize(
    ("data", "status", "kind"),
    [
        (b"NONSENSE\r\n\r\n", 400, "malformed-request"),
        (b"GET\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "malformed-request"),
        (b"G\x00T / HTTP/1.1\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/1.1\nHost: localhost\n\n", 400, "malformed-request"),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nbroken\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n folded\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 9000 + b"\r\n\r\n", 431, "headers-too-large"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431, "headers-too-large"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "uri-too-long"),
        (
            b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: x\r\n\r\n",
            400,
            "malformed-request",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: localhost\r\nExpect: miracles\r\n\r\n",
            417,
            "expectation-failed",
        ),
        (
            b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n" + CHUNKED,
            400,
            "malformed-request",
        ),
        (
            b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
            400,
            "malformed-request",
        ),
        (
            b"POST /echo HTTP/1.1\r\nHost: localhost\r\n" + CHUNKED + b"nonsense\r\n",
            400,
            "malformed-request",
        ),
    ],
)
def test_what_is_no_request_gets_a_problem(
    server: WebProcess, data: bytes, status: int, kind: str
) -> None:
    answer = server.ask(data)

    problem = answer.problem()
    assert (answer.status, problem["status"], problem["type"]) == (
        status,
        status,
        f"/errors/{kind}",
    )
    assert b"html" not in answer.body.lower()


@pytest.mark.parametrize(
    ("path", "header", "method", "status"),
    [
        ("/things", "Host: evil.example", "GET", 400),
        ("/echo", "Origin: http://evil.example", "POST", 403),
        ("/echo", "Sec-Fetch-Site: cross-site", "POST", 403),
        ("/things", "X-Forwarded-For: 127.0.0.1", "GET", 401),
        ("/jobs/health", "X-Forwarded-For: 127.0.0.1", "GET", 401),
        ("/jobs/healthz", "Forwarded: for=127.0.0.1", "GET", 401),
        ("/healthz", "X-Forwarded-For: 127.0.0.1", "GET", 200),
        ("/things", "X-Forwarded-Proto: https", "GET", 401),
        ("/things", "Script-Name: /things", "GET", 200),
        ("/things?a=%ff", "A: \xff", "GET", 200),
        ("/%ff%00", "A: b", "GET", 404),
        ("/nowhere", "A: b", "GET", 404),
        ("/things", "A: b", "DELETE", 405),
        ("/things", "A: b", "BREW", 405),
    ],
)
def test_the_gate_stands_before_the_real_server(
    server: WebProcess, path: str, header: str, method: str, status: int
) -> None:
    answer = server.get(path, header, method=method)

    assert answer.status == status
    if status >= 400:
        assert answer.problem()["status"] == status


def test_a_client_that_has_closed_is_nobody(server: WebProcess) -> None:
    # The kernel lists its socket as root's; the gate must not take that for an owner.
    from jobsched.web import peers

    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        with accepted:
            assert peers.uid_at(accepted) == os.getuid()
            client.close()
            assert peers.uid_at(accepted) is None


def test_idle_and_half_sent_connections_do_not_slow_the_server_down(server: WebProcess) -> None:
    heads = (b"", b"GET /healthz HT", b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-")
    with ExitStack() as stack:
        for number in range(400):
            connection = stack.enter_context(server.connect())
            connection.sendall(heads[number % 3])

        assert max(server.seconds_of_health() for _ in range(5)) < 1


def test_a_half_sent_body_holds_one_thread_and_no_more(server: WebProcess) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\nabc"
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(server.connect()).sendall(head)

        assert max(server.seconds_of_health() for _ in range(5)) < 1


def test_clients_that_keep_their_end_open_do_not_slow_the_others_down(server: WebProcess) -> None:
    # gunicorn waits two seconds for each of them to close, in the loop that accepts.
    with ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(server.connect())
            connection.sendall(b"NONSENSE\r\n\r\n")

        assert server.seconds_of_health() < 1


def test_too_large_a_body_is_refused_before_it_is_read(server: WebProcess) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n"

    answer = server.ask(head)

    assert answer.status == 413
    assert answer.problem()["type"] == "/errors/too-large"
    assert answer.headers["connection"] == "close"


def test_who_sends_too_much_still_reads_why(server: WebProcess) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n\r\n"

    answer = server.ask(head + b"x" * 5_000_000)

    assert answer.status == 413


def test_too_large_a_body_in_chunks_is_refused_and_never_parsed(server: WebProcess) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\n" + CHUNKED
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"

    largest = server.ask(head + chunk * 16 + b"0\r\n\r\n")
    larger = server.ask(head + chunk * 48 + b"0\r\n\r\n")

    assert (largest.status, len(largest.body)) == (200, 1 << 20)
    assert larger.status == 413
    assert larger.problem()["detail"] == "The body may have 1048576 bytes here."


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
def test_another_user_of_the_machine_stays_out(server: WebProcess) -> None:
    # A shell, so that the other user need not be able to read anything of ours.
    request = "GET /things HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n"
    host, port = server.address
    script = f"exec 3<>/dev/tcp/{host}/{port}; printf '{request}' >&3; cat <&3"

    answer = subprocess.run(
        ["bash", "-c", script],
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )

    assert answer.stdout.startswith("HTTP/1.1 401")


def test_a_half_sent_head_ends_with_408(server: WebProcess) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHo")

        answer = Answer(connection)

    assert answer.status == 408
    assert answer.problem()["type"] == "/errors/request-timeout"


def test_an_orderly_end_answers_what_was_asked_and_frees_the_port() -> None:
    server = WebProcess(threads=4)
    with server.connect() as idle, server.connect() as busy:
        idle.sendall(b"")
        busy.sendall(b"GET /slow?seconds=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: server.get("/healthz").status == 200)
        start = time.monotonic()
        server.process.terminate()

        assert Answer(busy).body == b"slept"
        assert server.process.wait(timeout=20) == 0
        assert time.monotonic() - start < STOP_SECONDS - 1
    _, errors = server.process.communicate()
    assert errors == ""
    with pytest.raises(OSError, match="refused"):
        server.connect()
