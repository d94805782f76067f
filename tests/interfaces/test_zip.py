"""Folders as zip files over HTTP: downloads, and uploads that merge."""

import io
import os
import time
import uuid
import zipfile
from collections.abc import Iterator

import pytest
import requests

from tests.support import zips
from tests.support.server import Server

JSON = "application/json; charset=utf-8"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("zip")) as server:
        yield server


def downloaded(server: Server, path: str) -> dict[str, bytes]:
    response = server.get(path)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/zip"
    return zips.unzipped(response.content)


def message(response: requests.Response) -> str:
    assert response.headers["Content-Type"] == JSON
    return str(response.json()["Message"])


def staged(server: Server) -> list[str]:
    folder = server.data / "tmp" / "staging"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def test_TestZipController(server: Server) -> None:
    first, second = f"TestFile1.{uuid.uuid4()}.txt", f"TestFile2.{uuid.uuid4()}.txt"
    site, longer, shorter = "/api/zip/site/", b"Hello World with a guid\n", b"Hello World"
    server.put(f"/api/vfs/site/wwwroot/{first}", data=b"Hello World\n1")

    files = downloaded(server, site)
    assert files[f"wwwroot/{first}"] == b"Hello World\n1"

    files[f"wwwroot/{second}"] = longer
    assert server.put(site, data=zips.zipped(files)).status_code == 200
    assert server.get(f"/api/vfs/site/wwwroot/{second}").content == longer

    without = {name: data for name, data in files.items() if first not in name}
    without[f"wwwroot/{second}"] = shorter
    assert server.put(site, data=zips.zipped(without)).status_code == 200
    assert server.get(f"/api/vfs/site/wwwroot/{second}").content == shorter
    assert server.get(f"/api/vfs/site/wwwroot/{first}").content == b"Hello World\n1"


def test_a_download_has_a_name_and_all_but_the_top_folder(server: Server) -> None:
    server.put("/vfs/site/down/one/two.txt", data=b"2")
    server.put("/vfs/site/down/void/")
    (server.data / "site" / "down" / "link").symlink_to("/etc/passwd")
    os.mkfifo(server.data / "site" / "down" / "pipe")

    response = server.get("/zip/site/down/")
    named = server.get("/zip/site/down/?fileName=b%C3%BC%22x.zip")

    assert zips.unzipped(response.content) == {"one/two.txt": b"2", "void/": b""}
    assert response.headers["Content-Disposition"] == "attachment; filename=down.zip"
    assert "filename*=UTF-8''b%C3%BC%22x.zip" in named.headers["Content-Disposition"]
    assert server.request("HEAD", "/zip/site/down/").status_code == 200


def test_only_folders_are_downloaded(server: Server) -> None:
    server.put("/vfs/site/file.txt", data=b"2")

    moved = server.get("/zip/site?x=1")

    assert (moved.status_code, moved.headers["Location"]) == (307, f"{server.url}/zip/site/?x=1")
    assert server.get("/zip/site/file.txt").status_code == 404
    assert server.get("/zip/site/missing/").status_code == 404
    assert message(server.get("/zip/site/missing/")) == "There is no folder missing."


def test_the_whole_site_is_downloaded_without_the_servers_own_files(server: Server) -> None:
    server.put("/vfs/mine/file.txt", data=b"2")

    files = downloaded(server, "/api/zip/")

    assert files["mine/file.txt"] == b"2"
    assert {name.split("/")[0] for name in files} <= {"site", "data", "LogFiles", "mine"}


def test_a_download_while_its_files_change_is_a_good_zip(server: Server) -> None:
    server.put("/vfs/site/busy/log", data=b"line\n" * 100_000)
    log = server.data / "site" / "busy" / "log"

    with requests.get(f"{server.url}/zip/site/busy/", stream=True, timeout=20) as response:
        with log.open("ab") as file:
            file.write(b"more\n" * 1_000_000)
        data = response.content

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None


def test_a_zip_over_any_folder_merges_whole_or_not_at_all(server: Server) -> None:
    folder = server.data / "site" / "merge"
    server.put("/vfs/site/merge/file", data=b"1")
    server.put("/vfs/site/merge/folder/x", data=b"2")
    (folder / "link").symlink_to(server.folder)

    codes = [
        server.put("/zip/site/merge/", data=zips.zipped({"new": b"3", **files})).status_code
        for files in ({"folder": b""}, {"file/x": b""}, {"link": b""}, {"link/x": b""})
    ]

    assert set(codes) <= {403, 409}
    assert not (folder / "new").exists()
    assert server.put("/zip/site/merge/", data=zips.zipped({"a/b": b"4", "file": b"5"})).ok
    assert [(folder / path).read_bytes() for path in ("file", "folder/x", "a/b")] == [
        b"5", b"2", b"4",
    ]  # fmt: skip
    assert (folder / "a" / "b").stat().st_mtime == zip_time()
    assert staged(server) == []


def zip_time() -> float:
    """Return the time that the test's archives name: 2020-01-02 03:04:06, local."""
    return time.mktime((2020, 1, 2, 3, 4, 6, 0, 0, -1))


def test_a_zip_needs_a_folder(server: Server) -> None:
    server.put("/vfs/site/flat", data=b"1")

    assert server.put("/zip/site/none", data=zips.zipped()).status_code == 404
    assert server.put("/zip/site/flat", data=zips.zipped()).status_code == 404
    assert server.put("/zip/site/flat/", data=zips.zipped()).status_code == 404
    assert server.put("/zip/site/made/", data=zips.zipped()).status_code == 200
    assert server.put("/zip/site/made", data=zips.zipped()).status_code == 200


@pytest.mark.parametrize("path", ["a%22b/", "a%5Cb/", "a%3Ab/", "..%2f..%2fout/", "%00/"])
def test_a_zip_goes_nowhere_odd(server: Server, path: str) -> None:
    response = server.put(f"/zip/site/{path}", data=zips.zipped())

    assert response.status_code in {400, 403, 404}
    assert message(response)
    assert not (server.folder / "out").exists()
