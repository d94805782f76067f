from pathlib import Path

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
