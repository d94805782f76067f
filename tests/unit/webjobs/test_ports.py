import socket
from pathlib import Path

import pytest

from jobsched.webjobs import ports
from jobsched.webjobs.places import Site


def test_the_port_of_a_job_is_found_again_on_its_machine(tmp_path: Path) -> None:
    site = Site(tmp_path)
    ports.note(site, "proxy", "here", 4321)
    ports.note(site, "proxy", "here", 4322)

    assert ports.port_of(site, "proxy", "here") == 4322
    assert ports.port_of(site, "proxy", "there") is None


def test_a_file_that_holds_no_port_is_none(tmp_path: Path) -> None:
    site = Site(tmp_path)
    ports.note(site, "proxy", "here", 4321)
    (tmp_path / "tmp" / "ports" / "here" / "proxy").write_text("x")

    assert ports.port_of(site, "proxy", "here") is None


def test_a_job_keeps_its_port_as_long_as_nobody_else_listens_there(tmp_path: Path) -> None:
    site = Site(tmp_path)
    first = ports.choose(site, "proxy", "here")
    again = ports.choose(site, "proxy", "here")
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))

        changed = ports.choose(site, "proxy", "here")

    assert again == first
    assert changed != first
    assert ports.port_of(site, "proxy", "here") == changed


def test_no_two_jobs_have_the_same_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path)
    offered = iter([4321, 4321, 4322])
    monkeypatch.setattr(ports, "_free", lambda: offered)

    chosen = [ports.choose(site, name, "here") for name in ("proxy", "other")]

    assert chosen == [4321, 4322]
