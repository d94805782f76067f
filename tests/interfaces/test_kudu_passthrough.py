"""Requests that continuous jobs answer themselves, handed on by /passthrough."""

import socket
from collections.abc import Iterator

import pytest
import requests

from tests.support.kudu import Kudu
from tests.support.server import Server
from tests.support.waiting import until

FOR_EVER = "sleep 300\n"
ECHO = """
import http.server, os
class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size); self.rfile.readline()
            self.rfile.readline()
        asked = f"{self.command} {self.path}"
        told = "\\n".join([asked, str(self.headers), body.decode()]).encode()
        self.send_response(207)
        self.send_header("X-Job", os.environ["WEBJOBS_NAME"])
        self.send_header("Set-Cookie", "a=b")
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(told)
    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = do_HEAD = answer
http.server.HTTPServer(("127.0.0.1", int(os.environ["WEBJOBS_PORT"])), Echo).serve_forever()
"""

RUDE = """
import os, socket
ANSWERS = {
    "/folded": b"HTTP/1.1 200 OK\\r\\nX-Fold: a\\r\\n b\\r\\nContent-Length: 2\\r\\n\\r\\nok",
    "/short": b"HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nhalf",
    "/endless": b"HTTP/1.1 200 OK\\r\\n\\r\\nuntil the end",
    "/switch": b"HTTP/1.1 101 Switching\\r\\n\\r\\n",
    "/garbage": b"\\x00\\xff\\r\\n\\r\\n",
    "/typeless": b"HTTP/1.1 299 \\r\\nContent-Length: 0\\r\\n\\r\\n",
    "/silent": b"",
    "/full": b"HTTP/1.1 413 Full\\r\\nContent-Length: 4\\r\\n\\r\\nfull",
}
listener = socket.create_server(("127.0.0.1", int(os.environ["WEBJOBS_PORT"])))
while True:
    client, _ = listener.accept()
    with client:
        path = client.recv(65536).split()[1].decode()
        client.sendall(ANSWERS[path])
        client.shutdown(socket.SHUT_WR)
"""

SLEEPY = """
import http.server, os, time
class Sleepy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/quick":
            time.sleep(300)
        self.send_response(299)
        self.end_headers()
port = int(os.environ["WEBJOBS_PORT"])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Sleepy).serve_forever()
"""


@pytest.fixture(scope="module")
def kudu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kudu]:
    with Server(tmp_path_factory.mktemp("passthrough")) as server:
        yield Kudu(server)


@pytest.fixture(scope="module")
def echo(kudu: Kudu) -> str:
    kudu.deploy("continuous", "echo", ECHO, file="run.py")
    url = "/api/continuouswebjobs/echo/passthrough"
    until(lambda: kudu.server.get(url).status_code == 207, 20, "the job listens")
    return url


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "PATCH"])
def test_CloneRequestTestCase(kudu: Kudu, echo: str, method: str) -> None:
    headers = {"X-Mine": "1", "Connection": "close, X-Hop", "X-Hop": "2"}
    options = {"data": b"some body", "headers": headers}

    answer = kudu.server.request(method, f"{echo}/a%2Fb/c%20d?x=1%262&y", **options)

    told = answer.text
    assert answer.status_code == 207
    assert told.startswith(f"{method} /a%2Fb/c%20d?x=1%262&y\n")
    assert "X-Mine: 1" in told
    assert "X-Hop" not in told
    assert f"Host: {kudu.server.url[7:]}" not in told
    assert told.endswith("some body")
    assert answer.headers["X-Job"] == "echo"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_pages_of_other_sites_reach_no_job(
    kudu: Kudu, echo: str, method: str, headers: dict[str, str]
) -> None:
    assert kudu.server.request(method, echo, headers=headers).status_code == 403


def test_a_body_without_a_length_goes_through(kudu: Kudu, echo: str) -> None:
    answer = kudu.server.post(f"{echo}/stream", data=iter([b"one ", b"two"]))

    assert answer.text.endswith("one two")


def test_head_has_no_body(kudu: Kudu, echo: str) -> None:
    answer = kudu.server.request("HEAD", echo)

    assert (answer.status_code, answer.content) == (207, b"")


def test_nothing_of_ours_is_lent_to_the_job(kudu: Kudu, echo: str) -> None:
    headers = {"Cookie": "session=secret"}

    answer = kudu.server.get(echo, headers=headers)

    assert "secret" not in answer.text
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")


def test_a_job_that_does_not_listen_is_a_404_in_json(kudu: Kudu) -> None:
    kudu.deploy("continuous", "deaf", FOR_EVER)
    kudu.becomes("deaf", "Running")

    answer = kudu.server.get("/api/continuouswebjobs/deaf/passthrough/x")

    assert answer.status_code == 404
    assert "deaf" in answer.json()["Message"]


def test_a_stopped_job_is_a_404_in_json(kudu: Kudu) -> None:
    kudu.deploy("continuous", "silent", FOR_EVER)
    kudu.stop("silent")

    answer = kudu.server.get("/api/continuouswebjobs/silent/passthrough/")

    assert (answer.status_code, list(answer.json())) == (404, ["Message"])
    kudu.delete("continuous", "silent")


@pytest.fixture(scope="module")
def rude(kudu: Kudu) -> str:
    kudu.deploy("continuous", "rude", RUDE, file="run.py")
    url = "/api/continuouswebjobs/rude/passthrough"
    until(lambda: kudu.server.get(f"{url}/typeless").status_code == 299, 20, "the job listens")
    return url


@pytest.mark.parametrize("path", ["switch", "garbage", "silent"])
def test_what_is_no_answer_is_a_404_in_json(kudu: Kudu, rude: str, path: str) -> None:
    answer = kudu.server.get(f"{rude}/{path}")

    assert (answer.status_code, list(answer.json())) == (404, ["Message"])


def test_an_answer_that_breaks_off_breaks_off(kudu: Kudu, rude: str) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        kudu.server.get(f"{rude}/short")

    assert "Traceback" not in kudu.server.log


def test_an_early_refusal_of_a_large_body_goes_through(kudu: Kudu, rude: str) -> None:
    answer = kudu.server.put(f"{rude}/full", data=b"x" * 20_000_000)

    assert (answer.status_code, answer.text) == (413, "full")


def test_odd_answers_go_through(kudu: Kudu, rude: str) -> None:
    folded, endless = (kudu.server.get(f"{rude}/{path}") for path in ("folded", "endless"))
    typeless = kudu.server.get(f"{rude}/typeless")

    assert (folded.text, folded.headers["X-Fold"]) == ("ok", "a b")
    assert endless.text == "until the end"
    assert (typeless.content, typeless.headers.get("Content-Type")) == (b"", None)


def test_a_job_that_does_not_answer_stands_in_nobodys_way(kudu: Kudu, echo: str) -> None:
    kudu.deploy("continuous", "sleepy", SLEEPY, file="run.py")
    url = "/api/continuouswebjobs/sleepy/passthrough"

    def quick() -> int:
        return kudu.server.get(f"{url}/quick").status_code

    until(lambda: quick() == 299, 20, "the job listens")
    head = f"GET {url}/slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    clients = [socket.create_connection(("127.0.0.1", kudu.server.port)) for _ in range(40)]
    for client in clients:
        client.sendall(head)

    until(lambda: quick() == 503, 10, "as many wait for it as may")
    assert kudu.server.get(echo).status_code == 207
    for client in clients:
        client.close()
    until(lambda: quick() == 299, 10, "nobody waits for those who left")
