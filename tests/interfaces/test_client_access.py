"""Where the client finds its server and its token, and what it never does with them."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from jobsched import cli
from tests.support.client import Client, counting
from tests.support.receiver import Receiver
from tests.support.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with counting(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    """The only token of the server: without it nobody gets in."""
    made: str = server.post("/tokens", json={"name": "a", "role": "admin"}).json()["token"]
    return made


@pytest.fixture
def client(server: Server, token: str, tmp_path: Path) -> Client:
    return Client(server.url, tmp_path)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["-keyout", "key.pem", "-out", "cert.pem", "-days", "2"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names, *made]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return folder / "cert.pem", folder / "key.pem"


def kept(path: Path, token: str, mode: int = 0o600) -> Path:
    """Write a token into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(token + "\n")
    path.chmod(mode)
    return path


def test_the_token_comes_from_a_file_or_the_environment(client: Client, token: str) -> None:
    path = str(kept(client.folder / "mine", token))

    assert client("status").code == cli.NOT_ALLOWED
    assert client("status", JOBSCHED_TOKEN=token).code == 0
    assert client("status", JOBSCHED_TOKEN_FILE=path).code == 0
    assert client("status", "--token-file", path, JOBSCHED_TOKEN="wrong").code == 0
    kept(client.folder / ".config" / "jobsched" / "token", token)
    assert client("status").code == 0
    kept(client.folder / "xdg" / "jobsched" / "token", "wrong")
    assert client("status", XDG_CONFIG_HOME=str(client.folder / "xdg")).code == cli.NOT_ALLOWED


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_token_file_that_others_may_read_is_refused(
    mode: int, client: Client, token: str
) -> None:
    path = kept(client.folder / "mine", token, mode)

    said = client("status", "--token-file", str(path))

    assert said.code == cli.USAGE
    assert f"chmod 600 {path}" in said.err
    assert token not in said.err


@pytest.mark.parametrize("text", ["", "two words", "line\nline", "x" * 5000, "\x00", "ü"])
def test_what_is_no_token_is_refused(text: str, client: Client) -> None:
    path = kept(client.folder / "mine", text)

    said = client("status", "--token-file", str(path))

    assert said.code == cli.USAGE
    assert "There is no token in" in said.err


def test_a_token_file_that_is_not_there_is_named(client: Client) -> None:
    said = client("status", "--token-file", "absent")

    assert said.code == cli.USAGE
    assert "absent cannot be read: No such file or directory" in said.err


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:58631",
        "ftp://127.0.0.1",
        "http://",
        "http://a b",
        "http://127.0.0.1:port",
        "http://127.0.0.1:99999",
        "http://127.0.0.1/?a=b",
        "http://me:secret@127.0.0.1",
    ],
)
def test_what_is_no_address_is_refused(url: str, client: Client) -> None:
    said = client("status", "--url", url)

    assert said.code == cli.USAGE
    assert said.err.startswith("jobsched: ")
    assert "secret" not in said.err


def test_an_option_wins_over_the_environment(client: Client, server: Server, token: str) -> None:
    environ = {"JOBSCHED_URL": "http://127.0.0.1:1", "JOBSCHED_TOKEN": token}

    assert client("status", "--url", server.url, **environ).code == 0
    assert client("status", **environ).code == cli.UNREACHABLE


def test_no_option_takes_a_token(client: Client) -> None:
    assert client("status", "--token", "abc").code == cli.USAGE


def test_a_certificate_that_is_not_trusted_is_refused_and_no_token_sent(
    client: Client, certificate: tuple[Path, Path]
) -> None:
    with Receiver(certificate=certificate) as other:
        url = f"https://127.0.0.1:{other.port}"

        refused = client("status", "--url", url, JOBSCHED_TOKEN="secret")
        before = list(other.posts)
        trusted = client(
            "status", "--url", url, "--cacert", str(certificate[0]), JOBSCHED_TOKEN="secret"
        )

    assert refused.code == cli.UNREACHABLE
    assert "certificate is not trusted" in refused.err
    assert "--cacert" in refused.err
    assert before == []
    assert trusted.code == cli.FAILED  # it answers, but is no jobsched server
    assert "jobsched server" in trusted.err
    assert other.posts[0].headers["Authorization"] == "Bearer secret"


def test_a_certificate_file_that_is_none_is_named(client: Client) -> None:
    (client.folder / "cert.pem").write_text("nothing\n")

    absent = client("status", "--url", "https://127.0.0.1:1", "--cacert", "absent")
    broken = client("status", "--url", "https://127.0.0.1:1", "--cacert", "cert.pem")

    assert (absent.code, broken.code) == (cli.USAGE, cli.USAGE)
    assert "absent" in absent.err
    assert "cert.pem" in broken.err


def test_a_redirection_is_told_and_not_followed(client: Client) -> None:
    with Receiver(answers=[(301, "https://jobs.example.org/status")]) as other:
        said = client("status", "--url", f"http://{other.host}", JOBSCHED_TOKEN="secret")

    assert said.code == cli.FAILED
    assert "https://jobs.example.org/status" in said.err
    assert "--url" in said.err


@pytest.mark.parametrize(
    ("status", "code"), [(502, cli.UNREACHABLE), (503, cli.UNREACHABLE), (404, cli.FAILED)]
)
def test_a_page_of_another_server_is_told(status: int, code: int, client: Client) -> None:
    with Receiver(answers=[status] * 3) as other:
        said = client("status", "--url", f"http://{other.host}")

    assert said.code == code
    assert other.host in said.err


def test_what_does_not_speak_http_is_told(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"220 mail.example ESMTP\r\n")

        thread = Thread(target=answer, daemon=True)
        thread.start()
        said = client("status", "--url", f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread.join(10)

    assert said.code == cli.FAILED
    assert "does not speak HTTP" in said.err


def test_a_server_below_a_path_is_asked_there(client: Client) -> None:
    with Receiver() as other:
        client("jobs", "list", "--url", f"http://{other.host}/jobs/here/")

    assert other.posts[0].path.startswith("/jobs/here/jobs?")


def test_nothing_is_read_from_proxies_of_the_environment(client: Client, token: str) -> None:
    proxy = "http://127.0.0.1:1"

    said = client("status", JOBSCHED_TOKEN=token, http_proxy=proxy, HTTP_PROXY=proxy)

    assert said.code == 0


def test_the_variables_of_the_client_are_no_mistake_of_a_server(
    tmp_path: Path, server: Server
) -> None:
    (tmp_path / "token").touch()
    where = ["--conf-dir", str(server.folder / "conf"), "--tasks-dir", str(server.folder / "tasks")]
    client = Client(server.url, tmp_path, JOBSCHED_TOKEN="x", JOBSCHED_TOKEN_FILE="token")

    said = client("check", *where, "--data-dir", str(tmp_path / "data"))

    assert "JOBSCHED_" not in said.err
    assert said.code == 0
