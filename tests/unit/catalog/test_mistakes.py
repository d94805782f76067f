"""What is wrong with a catalog is all named at once, each with its line."""

from pathlib import Path

import pytest

from jobsched.catalog import load
from jobsched.errors import ConfigurationError
from tests.support.catalogs import Site, job


def test_every_mistake_is_reported_at_once(site: Site) -> None:
    site.file("broken.py", "class Job:\n  x = = 1\n")
    mistakes = site.mistakes(
        "[a]\nclass=Job\n[b]\nfile=jub.py\nclass=Job\n[c]\nfile=job.py\n[d]\nfile=job.py\n"
        "class=Jab\njobsched.isolaton=warm\n[e]\nfile=broken.py\nclass=Job\n[jobsched.x]\n"
        "file=job.py\nclass=Job\n"
    )

    assert mistakes == [
        "catalog.cfg:1 [a]: 'file' is missing: the Python file with the task's class",
        f"catalog.cfg:3 [b]: there is no file 'jub.py' in {site.tasks}. Did you mean job.py?",
        "catalog.cfg:6 [c]: 'class' is missing: the name of the task's class",
        (
            "catalog.cfg:8 [d]: jobsched.isolaton: there is no such policy. "
            "Did you mean jobsched.isolation?"
        ),
        "catalog.cfg:8 [d]: job.py neither defines nor imports 'Jab'. Did you mean Job?",
        "catalog.cfg:12 [e]: broken.py:2: not valid Python: invalid syntax",
        "catalog.cfg:15 [jobsched.x]: names that start with 'jobsched.' are reserved",
    ]


def test_a_broken_line_is_reported_with_its_number(site: Site) -> None:
    mistakes = site.mistakes(job() + "\nnonsense\n\n[two]\nfile=job.py\nclass=Joob\n")

    assert mistakes == [
        r"catalog.cfg:4: neither a [section] nor 'key = value': 'nonsense\n'",
        "catalog.cfg:6 [two]: job.py neither defines nor imports 'Joob'. Did you mean Job?",
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[a]\nfile=job.py\nclass=Job\n[a]\n", "catalog.cfg:4: there is a second section [a]"),
        ("[a]\nfile=job.py\nclass=Job\nx=1\nx=2\n", "catalog.cfg:5: 'x' stands twice in [a]"),
        ("x=1\n", "catalog.cfg:1: stands before the first [section]: x=1"),
    ],
)
def test_what_is_no_catalog_is_refused_with_its_line(site: Site, text: str, mistake: str) -> None:
    assert mistake in site.mistakes(text)


def test_a_second_section_does_not_hide_a_broken_line(site: Site) -> None:
    mistakes = site.mistakes("[a]\nfile=job.py\nclass=Job\n[a]\nnonsense\n")

    assert [m.split(":")[1].split()[0] for m in mistakes] == ["4", "5", "4", "4"]


def test_a_second_section_does_not_hide_what_the_first_lacks(site: Site) -> None:
    mistakes = site.mistakes("[a]\nfile=job.py\n[a]\nfile=job.py\nclass=Job\n")

    assert mistakes == [
        "catalog.cfg:3: there is a second section [a]",
        "catalog.cfg:1 [a]: 'class' is missing: the name of the task's class",
    ]


@pytest.mark.parametrize("place", ["conf/catalog.cfg", "conf", "tasks", "tasks/job.py"])
def test_what_decides_what_is_executed_must_not_be_open_to_all(site: Site, place: str) -> None:
    (site.conf / "catalog.cfg").write_text("[a]\nfile=job.py\nclass=Job\n")
    load(site.conf, site.tasks)
    (site.conf.parent / place).chmod(0o777)

    with pytest.raises(ConfigurationError, match="writable by everybody") as refusal:
        load(site.conf, site.tasks)

    assert [m.where for m in refusal.value.mistakes] == [str(site.conf.parent / place)]


def test_a_missing_catalog_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"/catalog\.cfg: cannot be read: No such file"):
        load(tmp_path, tmp_path)


def test_a_catalog_that_is_not_utf8_is_refused(site: Site) -> None:
    (site.conf / "catalog.cfg").write_bytes(b"[a]\nx=\xff\n")

    with pytest.raises(ConfigurationError, match="is not UTF-8 at byte 6"):
        load(site.conf, site.tasks)


@pytest.mark.parametrize("name", ["x" * 201, "a\x07b"])
def test_a_name_that_no_interface_could_show_is_refused(site: Site, name: str) -> None:
    mistakes = site.mistakes(f"[{name}]\nfile=job.py\nclass=Job\n")

    assert any("1 to 200 characters" in mistake for mistake in mistakes)
