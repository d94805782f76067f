"""Posting to a receiver: the login, redirects, time and the address that was judged."""

import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from jobsched.operations.webhooks import addresses, posting
from jobsched.operations.webhooks.posting import Answer
from tests.support.receiver import Receiver


def post(receiver: Receiver, *allowed: str, url: str = "") -> Answer:
    hosts = (receiver.host, *allowed)
    address = addresses.parse(url or receiver.url(), hosts)
    return posting.post(address, b'{"a": 1}', {"X-A": "1"}, hosts, insecure_ssl=False)


def test_a_body_is_posted_with_its_headers_and_login() -> None:
    with Receiver() as receiver:
        answer = post(receiver, url=receiver.url("/a?b=c", "user:p%40ss@"))

    [sent] = receiver.posts
    assert (answer.status, answer.reason) == (200, "OK")
    assert (sent.path, sent.body, sent.headers["X-A"]) == ("/a?b=c", b'{"a": 1}', "1")
    assert sent.headers["Authorization"] == "Basic dXNlcjpwQHNz"
    assert sent.headers["Host"] == receiver.host


def test_redirects_are_followed_with_the_body() -> None:
    with Receiver(answers=[(307, "/b"), (302, "/c")]) as receiver:
        answer = post(receiver)

    assert answer.status == 200
    assert [(each.path, each.body) for each in receiver.posts] == [
        ("/hook", b'{"a": 1}'),
        ("/b", b'{"a": 1}'),
        ("/c", b'{"a": 1}'),
    ]


def test_redirects_come_to_an_end() -> None:
    with Receiver(answers=[(307, "/hook")] * 9) as receiver:
        answer = post(receiver)

    assert (answer.status, answer.reason) == (307, "more than 3 redirects")
    assert len(receiver.posts) == 4


def test_a_redirect_to_this_machine_is_not_followed() -> None:
    with Receiver() as inner, Receiver(answers=[(307, inner.url())]) as receiver:
        answer = post(receiver)

    assert answer.forbidden
    assert answer.status is None
    assert inner.posts == []


def test_a_redirect_without_a_post_is_an_answer_like_others() -> None:
    with Receiver(answers=[(303, "/b")]) as receiver:
        assert post(receiver).status == 303


def test_the_address_that_was_judged_is_the_one_that_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = ["93.184.216.34", "127.0.0.1"]  # a name server with two opinions

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (places.pop(0), port))]

    called: list[object] = []

    def connect(_socket: socket.socket, where: object) -> None:
        called.append(where)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", connect)
    address = addresses.parse("https://rebinding.example/", ())

    answer = posting.post(address, b"", {}, (), insecure_ssl=False)

    assert called == [("93.184.216.34", 443)]
    assert (answer.status, answer.reason) == (None, "Connection refused")


def test_nobody_there_is_a_reason() -> None:
    with Receiver() as receiver:
        pass

    answer = post(receiver)

    assert (answer.status, answer.forbidden) == (None, False)
    assert answer.reason == "Connection refused"


def test_a_name_that_does_not_resolve_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    address = addresses.parse("https://nowhere.example/", ())

    answer = posting.post(address, b"", {}, (), insecure_ssl=False)

    assert answer == Answer(status=None, reason="Name or service not known")


def test_who_does_not_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TOTAL_SECONDS", 0.2)
    with Receiver() as receiver:
        receiver.holding.set()
        answer = post(receiver)

    assert answer.status is None
    assert answer.reason in {"no answer within 0.2 s", "it does not answer in time"}


def test_who_answers_a_byte_at_a_time_is_left_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TOTAL_SECONDS", 0.3)
    done = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            while not done.wait(0.05):
                connection.send(b"H")

    thread = threading.Thread(target=drip)
    thread.start()
    host = f"127.0.0.1:{listener.getsockname()[1]}"
    answer = posting.post(
        addresses.parse(f"http://{host}/", [host]), b"", {}, [host], insecure_ssl=False
    )
    done.set()
    thread.join()
    listener.close()

    assert answer.status is None


@pytest.mark.parametrize("text", [b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b""])
def test_what_is_no_http_is_a_reason(text: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.send(text)

    thread = threading.Thread(target=talk)
    thread.start()
    host = f"127.0.0.1:{listener.getsockname()[1]}"
    answer = posting.post(
        addresses.parse(f"http://{host}/", [host]), b"", {}, [host], insecure_ssl=False
    )
    thread.join()
    listener.close()

    assert answer.status is None
    assert answer.reason


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that nobody has signed, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(made)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    return made, key


@pytest.mark.parametrize("insecure", [False, True])
def test_a_certificate_is_checked_unless_told_otherwise(
    certificate: tuple[Path, Path], insecure: bool
) -> None:
    with Receiver(certificate=certificate) as receiver:
        host = f"localhost:{receiver.port}"
        address = addresses.parse(f"https://{host}/", [host])
        answer = posting.post(address, b"{}", {}, [host], insecure_ssl=insecure)

    assert answer.status == (200 if insecure else None)
    assert len(receiver.posts) == int(insecure)
    assert insecure or "CERTIFICATE_VERIFY_FAILED" in answer.reason
    assert all(post.headers["Host"] == host for post in receiver.posts)


def test_a_certificate_must_be_for_the_name_that_is_called(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with Receiver(certificate=certificate) as receiver:
        names = [f"localhost:{receiver.port}", f"127.0.0.1:{receiver.port}"]
        answers = [
            posting.post(
                addresses.parse(f"https://{name}/", names), b"{}", {}, names, insecure_ssl=False
            )
            for name in names
        ]

    assert [answer.status for answer in answers] == [200, None]


def test_only_insecure_ssl_goes_without_a_certificate() -> None:
    assert posting._tls(insecure=False).verify_mode is ssl.CERT_REQUIRED
    assert posting._tls(insecure=False).check_hostname
    assert posting._tls(insecure=True).verify_mode is ssl.CERT_NONE
