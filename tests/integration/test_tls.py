"""The whole server over TLS, with curl and requests: streams, uploads, addresses, a renewal."""

import io
import json
import os
import socket
import ssl
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.certificates import Pair, pair
from tests.support.server import Server
from tests.support.waiting import until

MIB = 2**20
SLOW = "#!/bin/sh\necho first\nwhile [ ! -e go ]; do sleep 0.05; done\necho last\n"
CATALOG = "[slow]\nfile=runscript.py\nclass=RunScript\nscript=slow.bash\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def server(tmp_path: Path, certificate: Pair) -> Iterator[Server]:
    files = {"slow.bash": SLOW}
    with Server(tmp_path, catalog=CATALOG, files=files, certificate=certificate) as server:
        yield server
        assert not server.lines("Traceback")


def _go(server: Server) -> None:
    (server.folder / "work" / "go").touch()


def _curl(certificate: Pair, *words: str) -> "subprocess.Popen[bytes]":
    command = ["curl", "-sSN", "--cacert", str(certificate.cert), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_curl_follows_output_and_events_as_they_come(server: Server, certificate: Pair) -> None:
    run = server.post("/runs", json={"task": "slow"}).json()["id"]
    following = _curl(certificate, f"{server.url}/runs/{run}/output?follow=1")
    hearing = _curl(certificate, f"{server.url}/runs/{run}/events")
    assert following.stdout is not None

    assert following.stdout.readline() == b"first\n"
    _go(server)
    (rest, wrong), (events, _) = following.communicate(timeout=30), hearing.communicate(timeout=30)

    assert (rest, wrong, following.returncode, hearing.returncode) == (b"last\n", b"", 0, 0)
    assert b'"state": "done"' in events.split(b"event: run")[-1]


def test_a_client_that_waits_and_leaves_is_seen_to_leave(server: Server) -> None:
    waits = {"Prefer": "wait=60"}
    _go(server)
    assert server.post("/runs", json={"task": "slow"}, headers=waits).json()["state"] == "done"
    (server.folder / "work" / "go").unlink()

    leaving = {"Prefer": "wait=60, cancel-on-disconnect"}
    body = json.dumps({"task": "slow"}).encode()
    with _connection(server) as connection:
        lines = ["POST /runs HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(body)}", f"Prefer: {leaving['Prefer']}", "", ""]
        connection.sendall("\r\n".join(lines).encode() + body)
        until(lambda: server.runs()[0]["state"] == "running")

    until(lambda: server.runs()[0]["state"] == "done", 15)
    assert server.runs()[0]["ended_by"] == "disconnect"


def _connection(server: Server) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    trusting = ssl.create_default_context(cafile=str(server._session.verify))
    return trusting.wrap_socket(plain, server_hostname="localhost")


def test_large_files_go_up_and_folders_come_down_as_zip(server: Server, certificate: Pair) -> None:
    large = server.folder / "large"
    large.write_bytes(os.urandom(MIB) * 100)
    up = _curl(certificate, "-T", str(large), f"{server.url}/vfs/site/wwwroot/large")
    assert up.communicate(timeout=60) == (b"", b"")

    whole = server.get("/zip/site/wwwroot/", timeout=60)

    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        assert archive.read("large") == large.read_bytes()
    assert server.get("/vfs/site/wwwroot/large").content == large.read_bytes()


def test_addresses_in_answers_and_in_the_log_begin_with_https(server: Server) -> None:
    made = server.post("/runs", json={"task": "slow"})
    _go(server)

    assert made.headers["Location"].startswith(f"{server.url}/runs/")
    assert server.get(made.headers["Location"]).status_code == 200
    until(lambda: server.lines("server ready", f"url={server.url}"))
    text = server.get("/api/triggeredwebjobs").text + server.get("/jobs").text
    assert "http://" not in text


def test_a_renewed_certificate_counts_from_the_reload_on(tmp_path: Path, certificate: Pair) -> None:
    files = tmp_path / "tls"
    files.mkdir()
    old, new = pair(files), pair(files, "new")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(old.cert.read_bytes() + new.cert.read_bytes())
    first, second = (_fingerprint(each.cert) for each in (old, new))
    with Server(tmp_path, certificate=old) as server:
        server._session.verify = str(trusted)
        new.cert.replace(old.cert)
        broken = server.post("/reload")  # the certificate is new, the key is not
        kept = _served(server)
        new.key.replace(old.key)
        renewed = server.post("/reload")

        assert broken.status_code == 400
        assert "does not belong to the certificate" in broken.json()["errors"][0]["message"]
        assert (kept, renewed.status_code, _served(server)) == (first, 200, second)

        gone = server.kill("web")
        until(lambda: server.pids()["web"] not in ([], [gone]), 20)
        until(server.is_ready, 20)
        assert _served(server) == second


def _fingerprint(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


def _served(server: Server) -> bytes:
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    with closing(anybody.wrap_socket(plain)) as connection:
        return connection.getpeercert(binary_form=True) or b""


def test_the_start_refuses_what_cannot_be_used(tmp_path: Path, certificate: Pair) -> None:
    other = pair(tmp_path, "other")
    mixed = Pair(cert=certificate.cert, key=other.key)
    server = Server(tmp_path, certificate=mixed)

    process = server.launch()

    assert process.wait(30) == 2
    assert f"KEY_FILE {other.key}: does not belong to the certificate" in server.log
