"""TLS on the real web process: handshakes that fail or never end, and requests byte by byte."""

import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from jobsched.web.server import STOP_SECONDS
from tests.support.certificates import Pair, pair
from tests.support.rawhttp import Answer, WebProcess
from tests.support.waiting import until

GET = b"GET /things HTTP/1.1\r\nHost: localhost\r\n\r\n"
HELLO = bytes.fromhex("16030100f8010000f40303")  # the beginning of a ClientHello


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair(tmp_path_factory.mktemp("certificate"))


@contextmanager
def _running(certificate: Pair) -> Iterator[WebProcess]:
    server = WebProcess(threads=16, certificate=certificate)
    yield server
    assert server.stop() == (0, "")  # whatever clients did, it is no error of the server


@pytest.fixture(scope="module")
def running(certificate: Pair) -> Iterator[WebProcess]:
    with _running(certificate) as server:
        yield server


@pytest.fixture
def ending(certificate: Pair) -> Iterator[WebProcess]:
    """A server for a test that ends it."""
    with _running(certificate) as server:
        yield server


@pytest.fixture
def server(running: WebProcess, certificate: Pair) -> Iterator[WebProcess]:
    """The one server of all tests, with a client that no other test has set up."""
    running.client = certificate.client()
    yield running
    assert running.process.poll() is None


def test_our_own_user_is_recognised_through_tls(server: WebProcess) -> None:
    answer = server.get("/things")

    assert (answer.status, answer.body) == (200, b"loopback")


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
def test_another_user_of_the_machine_stays_out_with_tls_too(
    server: WebProcess, certificate: Pair
) -> None:
    host, port = server.address
    answer = subprocess.run(
        ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", f"https://{host}:{port}/things"],
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )

    assert answer.stdout == "401"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_several_requests_pass_over_one_connection(
    server: WebProcess, version: ssl.TLSVersion
) -> None:
    assert server.client is not None
    server.client.minimum_version = server.client.maximum_version = version
    with server.connect() as connection:
        for _ in range(3):
            connection.sendall(GET)

            assert Answer(connection).body == b"loopback"


def test_a_request_in_the_record_of_the_body_before_it_is_answered(server: WebProcess) -> None:
    # The body is read to its last byte: what follows lies decrypted where no poll sees it.
    with server.connect() as connection:
        connection.sendall(
            b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n"
        )
        connection.sendall(b"x" * 9000 + GET)
        received = b""
        while not received.endswith(b"loopback"):
            received += connection.recv(65536)

    assert received.count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("size", [1, 20, 60, 4000])
def test_a_head_in_pieces_of_any_size_arrives(server: WebProcess, size: int) -> None:
    with server.connect() as connection:
        for start in range(0, len(GET), size):
            connection.sendall(GET[start : start + size])

        assert Answer(connection).body == b"loopback"


def test_a_body_of_many_records_arrives_whole(server: WebProcess) -> None:
    body = os.urandom(1_000_000)
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"

    answer = server.ask(head + body)

    assert answer.body == body


def test_what_is_older_than_tls_1_2_is_refused(server: WebProcess, certificate: Pair) -> None:
    old = certificate.client()
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with server.connect_plainly() as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        old.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize(
    "data", [GET, b"POST /echo HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000, b"X"]
)
def test_plain_http_is_told_that_the_port_speaks_tls(server: WebProcess, data: bytes) -> None:
    with server.connect_plainly() as connection:
        connection.sendall(data)

        answer = Answer(connection)

    assert answer.status == 400
    assert answer.problem()["detail"] == "This port speaks TLS: the address begins with https."


def test_hundreds_of_broken_handshakes_leave_no_word_and_no_trace(server: WebProcess) -> None:
    assert server.client is not None
    distrusting = ssl.create_default_context()
    for number in range(300):
        with server.connect_plainly() as plain, suppress(OSError):
            match number % 5:
                case 0:
                    plain.sendall(HELLO)
                case 1:
                    plain.sendall(b"\x16\x03\x01\x00\x05hello" + os.urandom(50))
                case 2:
                    plain.sendall(b"\x80\x00\xff" + os.urandom(50))
                case 3:
                    distrusting.wrap_socket(plain, server_hostname="localhost")
                case _:
                    linger = b"\x01\0\0\0\0\0\0\0"  # a reset instead of an end
                    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    assert server.seconds_of_health() < 1


def test_garbage_after_the_handshake_is_no_error_of_the_server(server: WebProcess) -> None:
    for garbage in (
        b"GET / HTTP/1.1\r\n\r\n",
        os.urandom(100),
        b"\x17\x03\x03\x00\x30" + b"x" * 48,
    ):
        connection = server.connect()
        connection.sendall(b"GET /thi")
        with socket.socket(fileno=connection.detach()) as plain:
            plain.sendall(garbage)
            with suppress(OSError):
                while plain.recv(4096):
                    pass

    assert server.get("/healthz").status == 200


def test_idle_and_half_sent_handshakes_do_not_slow_the_server_down(server: WebProcess) -> None:
    with ExitStack() as stack:
        for number in range(400):
            plain = stack.enter_context(server.connect_plainly())
            if number % 2:
                plain.sendall(HELLO)

        assert max(server.seconds_of_health() for _ in range(5)) < 1


def test_idle_and_half_sent_requests_do_not_slow_the_server_down(server: WebProcess) -> None:
    heads = (b"", b"GET /healthz HT", b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-")
    with ExitStack() as stack:
        for number in range(400):
            stack.enter_context(server.connect()).sendall(heads[number % 3])

        assert max(server.seconds_of_health() for _ in range(5)) < 1


def test_a_handshake_has_the_time_of_a_head(server: WebProcess) -> None:
    start = time.monotonic()
    with server.connect_plainly() as idle, server.connect_plainly() as half:
        half.sendall(HELLO)
        with server.connect() as shaken:
            shaken.sendall(b"GET /healthz HTTP/1.1\r\nHo")
            assert Answer(shaken).status == 408
        assert (idle.recv(1), half.recv(1)) == (b"", b"")
    assert 5 < time.monotonic() - start < 15


def test_the_end_of_a_connection_is_told_by_tls_as_well(server: WebProcess) -> None:
    assert server.client is not None
    with server.connect_plainly() as plain:
        strict = server.client.wrap_socket(
            plain, server_hostname="localhost", suppress_ragged_eofs=False
        )
        strict.sendall(GET.replace(b"1.1", b"1.0"))
        received = b""
        while piece := strict.recv(4096):  # a cut connection would be an SSLEOFError
            received += piece
        strict.close()

    assert received.endswith(b"loopback")


@pytest.mark.parametrize(
    ("path", "header", "method", "status"),
    [
        ("/things", "Host: evil.example", "GET", 400),
        ("/echo", "Origin: https://evil.example", "POST", 403),
        ("/echo", "Origin: http://127.0.0.1", "POST", 403),
        ("/echo", "Origin: https://127.0.0.1", "POST", 200),
        ("/echo", "Origin: https://127.0.0.1:443", "POST", 200),
        ("/echo", "Sec-Fetch-Site: cross-site", "POST", 403),
        ("/things", "X-Forwarded-For: 127.0.0.1", "GET", 401),
        ("/healthz", "X-Forwarded-Proto: http", "GET", 200),
    ],
)
def test_the_gate_stands_before_tls_too(
    server: WebProcess, path: str, header: str, method: str, status: int
) -> None:
    assert server.get(path, header, method=method).status == status


def test_an_orderly_end_answers_what_was_asked(ending: WebProcess) -> None:
    server = ending
    with server.connect() as idle, server.connect_plainly() as silent, server.connect() as busy:
        busy.sendall(b"GET /slow?seconds=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: server.get("/healthz").status == 200)
        start = time.monotonic()
        server.process.terminate()

        assert Answer(busy).body == b"slept"
        assert server.process.wait(timeout=20) == 0
        assert time.monotonic() - start < STOP_SECONDS - 1
        assert (idle.recv(1), silent.recv(1)) == (b"", b"")
