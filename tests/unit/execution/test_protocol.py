import os
import socket
from pathlib import Path

import pytest

from jobsched.execution import protocol
from jobsched.execution.protocol import Identity, Lines, StartRequest, encode, pack, unpack


def test_messages_survive_any_cut_of_the_stream() -> None:
    stream = encode({"op": "hello"}) + encode({"op": "stop", "run": 7})
    lines = Lines()

    messages = [message for byte in stream for message in lines.feed(bytes([byte]))]

    assert messages == [{"op": "hello"}, {"op": "stop", "run": 7}]


def test_a_line_that_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        Lines().feed(b"GET / HTTP/1.1\r\n")


def test_names_that_are_no_unicode_survive() -> None:
    name = os.fsdecode(b"/data/caf\xe9")

    (message,) = Lines().feed(encode({"path": name}))

    assert os.fsencode(message["path"]) == b"/data/caf\xe9"


@pytest.mark.parametrize("data", [b"", b"text", bytes(range(256))])
def test_bytes_are_carried_exactly(data: bytes) -> None:
    assert unpack(pack(data)) == data


def test_no_bytes_stay_none() -> None:
    assert unpack(None) is None


def test_an_order_survives_the_way_to_the_runner() -> None:
    request = StartRequest(
        run=12,
        claim=3,
        argv=["/bin/true", "x"],
        cwd="/",
        env={"A": "1"},
        path="/data/runs/000012/12.3",
        cookie="c",
        timeout=1.5,
        detach=True,
        run_as=Identity(uid=1, gid=2, groups=(3, 4)),
        limits={"open_files": 10},
        warm=False,
    )

    (message,) = Lines().feed(encode(request.to_message()))

    assert message["op"] == "start"
    assert message["output"] == {"cap": request.cap, "path": request.path}
    assert StartRequest.from_message(message) == request


def test_an_order_without_options_has_the_defaults() -> None:
    message = {"op": "start", "run": 1, "claim": 1, "argv": ["x"], "cwd": "/", "env": {}}

    request = StartRequest.from_message(
        {**message, "cookie": "c", "output": {"path": "/p", "cap": 9}}
    )

    assert (request.kind, request.cap, request.grace, request.timeout) == ("command", 9, 5.0, None)
    assert request.key == (1, 1)


def test_a_socket_is_found_however_long_its_folder_is(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 200)
    folder.mkdir()
    handle = os.open(folder, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{handle}/{protocol.SOCKET}")
        listener.listen()

        with protocol.connect(folder) as connection:
            connected = connection.getpeername()

    os.close(handle)
    assert connected


def test_nobody_listening_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        protocol.connect(tmp_path)
