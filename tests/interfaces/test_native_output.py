"""The native API: what runs wrote, byte for byte, in parts and while they go on."""

import threading

import pytest
from flask.testing import FlaskClient

from jobsched.execution.places import output_path
from tests.support.native import Native, begin, finish

OUT, ERR, CHUNKS = b"one\nthree\n", b"two\n\xff\x00\n", "o4e4o6e3"
BOTH = b"one\ntwo\nthree\n\xff\x00\n"


@pytest.fixture
def path(api: Native) -> str:
    """Where the output of a finished run is."""
    run_id = api.start()
    finish(api, run_id, out=OUT, err=ERR, chunks=CHUNKS)
    return f"/runs/{run_id}/output"


@pytest.mark.parametrize(
    ("query", "data"),
    [
        ("", BOTH),
        ("?stream=both", BOTH),
        ("?stream=out", OUT),
        ("?stream=err", ERR),
        ("?offset=4", BOTH[4:]),
        ("?offset=4&limit=3", b"two"),
        ("?limit=0", b""),
        ("?offset=9999", b""),
        ("?tail=1&stream=out", b"three\n"),
        ("?tail=2", b"three\n\xff\x00\n"),
        ("?tail=0", b""),
        ("?tail=99", BOTH),
    ],
)
def test_output_is_given_byte_for_byte(
    client: FlaskClient, path: str, query: str, data: bytes
) -> None:
    response = client.get(path + query)

    assert (response.status_code, response.data) == (200, data)
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Content-Length"] == str(len(data))
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("query", "offset"),
    [("", 0), ("?offset=4", 4), ("?tail=1&stream=out", 4), ("?tail=1&stream=out&follow=true", 4)],
)
def test_an_answer_says_where_it_begins(
    client: FlaskClient, path: str, query: str, offset: int
) -> None:
    assert client.get(path + query).headers["Output-Offset"] == str(offset)


@pytest.mark.parametrize(
    ("wanted", "shown", "data"),
    [
        ("bytes=0-2", "bytes 0-2/10", b"one"),
        ("bytes=4-", "bytes 4-9/10", b"three\n"),
        ("bytes=-6", "bytes 4-9/10", b"three\n"),
        ("bytes=-99", "bytes 0-9/10", OUT),
        ("bytes=8-99", "bytes 8-9/10", b"e\n"),
    ],
)
def test_a_range_is_given_alone(
    client: FlaskClient, path: str, wanted: str, shown: str, data: bytes
) -> None:
    response = client.get(f"{path}?stream=out", headers={"Range": wanted})

    assert (response.status_code, response.data) == (206, data)
    assert response.headers["Content-Range"] == shown


@pytest.mark.parametrize(
    "wanted", ["lines=1-2", "bytes=x", "bytes=-", "bytes=5-2", "bytes=0-1,3-4"]
)
def test_a_range_that_is_none_counts_as_absent(client: FlaskClient, path: str, wanted: str) -> None:
    response = client.get(f"{path}?stream=out", headers={"Range": wanted})

    assert (response.status_code, response.data) == (200, OUT)


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_past_the_end_is_416(client: FlaskClient, path: str, wanted: str) -> None:
    response = client.get(f"{path}?stream=out", headers={"Range": wanted})

    assert response.status_code == 416
    assert response.headers["Content-Range"] == "bytes */10"


def test_a_living_runs_output_is_read_from_its_files(api: Native, client: FlaskClient) -> None:
    run_id = api.start()
    claim = begin(api, run_id)
    file = output_path(api.settings.runs_dir, run_id, claim).with_suffix(f".{claim}.out")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"so far")

    assert client.get(f"/runs/{run_id}/output").data == b"so far"
    output = client.get(f"/runs/{run_id}").get_json()["output"]
    assert (output["out"]["bytes"], output["err"]["bytes"]) == (6, 0)


def test_a_run_that_wrote_nothing_has_empty_output(api: Native, client: FlaskClient) -> None:
    response = client.get(f"/runs/{api.start()}/output")

    assert (response.status_code, response.data) == (200, b"")


def test_following_goes_on_until_the_run_ends(api: Native, client: FlaskClient) -> None:
    run_id = api.start()
    finisher = threading.Thread(target=finish, args=(api, run_id), kwargs={"out": b"all\n"})

    finisher.start()
    with client.get(f"/runs/{run_id}/output?follow=true") as response:
        data = response.data

    finisher.join()
    assert data == b"all\n"


def test_the_events_of_a_run_end_with_it(api: Native, client: FlaskClient) -> None:
    run_id = api.start()
    finish(api, run_id)

    with client.get(f"/runs/{run_id}/events") as response:
        text = response.get_data(as_text=True)

    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert '"done"' in text
