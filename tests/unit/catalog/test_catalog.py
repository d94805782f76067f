"""The catalog: seed 002's sample, and what each key means."""

from pathlib import Path

import pytest

from jobsched.catalog import MASK, load, masked
from jobsched.errors import UnknownTask
from tests.support.catalogs import Site, job

SAMPLE = """
[runfoo]
file=runscript.py
class=RunScript
script=foo.bash

[example]
file=example.py
class=ExampleJob
phrase=foo

[timeout]
file=timeout.py
class=TimeoutJob
phrase=awwwww
"""
RUN_SCRIPT = '"""Runs a script."""\n\nfrom jobsched.execution.script import RunScript\n'


def test_the_sample_of_the_seed_gives_its_three_tasks_in_file_order(site: Site) -> None:
    site.file("runscript.py", RUN_SCRIPT)
    site.file("example.py", "class ExampleJob: ...\n")
    site.file("timeout.py", "class TimeoutJob: ...\n")

    catalog = site.load(SAMPLE)

    assert catalog.names() == ["runfoo", "example", "timeout"]
    assert [task.arguments for task in catalog] == [
        {"script": "foo.bash"},
        {"phrase": "foo"},
        {"phrase": "awwwww"},
    ]
    assert [task.builtin for task in catalog] == ["runscript", None, None]
    assert catalog.get("runfoo").summary == "Runs a script."
    assert catalog.get("example").path == site.tasks / "example.py"


def test_the_shipped_catalog_loads() -> None:
    root = Path(__file__).parents[3]

    catalog = load(root / "conf", root / "tasks")

    assert catalog.names() == ["runfoo", "example", "timeout"]
    assert all(task.summary for task in catalog)


def test_a_name_that_is_not_in_the_catalog_is_refused(site: Site) -> None:
    catalog = site.load(job())

    assert "one" in catalog
    with pytest.raises(UnknownTask, match="'two'"):
        catalog.get("two")


def test_argument_names_keep_their_letter_case_and_values_stay_strings(site: Site) -> None:
    task = site.load(job("myFineParameter=1", "Phrase = a = b ", "empty =")).get("one")

    assert task.arguments == {"myFineParameter": "1", "Phrase": "a = b", "empty": ""}


def test_a_percent_sign_is_not_special(site: Site) -> None:
    task = site.load(job("format=%(message)s 100%")).get("one")

    assert task.arguments == {"format": "%(message)s 100%"}


def test_a_section_named_default_is_a_task_and_leaks_nowhere(site: Site) -> None:
    catalog = site.load("[DEFAULT]\nfile=job.py\nclass=Job\nleak=1\n" + job())

    assert catalog.names() == ["DEFAULT", "one"]
    assert catalog.get("one").arguments == {}


@pytest.mark.parametrize("file", ["../job.py", "/etc/job.py", "a/b/job.py", "..\\job.py"])
def test_a_file_is_reduced_to_its_base_name(site: Site, file: str) -> None:
    task = site.load(f"[one]\nfile={file}\nclass=Job\n").get("one")

    assert task.path == site.tasks / "job.py"


@pytest.mark.parametrize("file", ["..", ".", "/", "", "../tasks"])
def test_a_file_without_a_usable_base_name_is_refused(site: Site, file: str) -> None:
    [mistake] = site.mistakes(f"[one]\nfile={file}\nclass=Job\n")

    assert mistake.startswith("catalog.cfg:1 [one]: there is no file")


def test_two_sections_may_share_a_file(site: Site) -> None:
    catalog = site.load("[a]\nfile=job.py\nclass=Job\nx=1\n[b]\nfile=job.py\nclass=Job\nx=2\n")

    assert [task.arguments["x"] for task in catalog] == ["1", "2"]


def test_the_built_in_knows_its_arguments(site: Site) -> None:
    site.file("job.py", "from jobsched.execution.script import RunScript as Job")

    mistakes = site.mistakes(job("scrpt=a.sh"))

    assert mistakes == [
        "catalog.cfg:1 [one]: 'script' is missing: the script that RunScript runs",
        "catalog.cfg:1 [one]: RunScript has no argument 'scrpt'. Did you mean script?",
    ]


def test_an_empty_catalog_has_no_tasks(site: Site) -> None:
    assert site.load("").names() == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Server=db;Password=hush;User=app", "Server=db;Password=********;User=app"),
        ("x;AccountKey=aHVzaA==;y=1", "x;AccountKey=********;y=1"),
        ("https://there/?sv=1&sig=hush", "https://there/?sv=1&sig=********"),
        ("monkeys=3 design=4", "monkeys=3 design=4"),
    ],
)
def test_secrets_inside_a_value_are_masked(value: str, shown: str) -> None:
    assert masked("conn", value) == shown
    assert masked("connection_string", value) == MASK


def test_secrets_are_masked_in_what_is_shown(site: Site) -> None:
    task = site.load(
        job(
            "dbPassword=hunter2",
            "API_TOKEN=hunter2",
            "clientSecret=hunter2",
            "accessKey=hunter2",
            "url=postgresql://me:hunter2@host/db",
            "phrase=foo",
        )
    ).get("one")

    assert "hunter2" not in repr(task)
    assert "hunter2" not in str(task.masked_arguments)
    assert task.masked_arguments["phrase"] == "foo"
    assert task.masked_arguments["url"] == "postgresql://me:********@host/db"
    assert task.arguments["dbPassword"] == "hunter2"


def test_the_task_of_web_jobs_is_known_but_not_offered(site: Site) -> None:
    catalog = site.load(job())

    assert catalog.get("WebJob").builtin == "webjob"
    assert catalog.get("WebJob").params == ("arguments",)
    assert "WebJob" in catalog
    assert catalog.names() == [task.name for task in catalog] == ["one"]
    with pytest.raises(UnknownTask):
        catalog.offered("WebJob")


def test_no_section_may_take_the_name_of_a_built_in_task(site: Site) -> None:
    (mistake,) = site.mistakes(job().replace("[one]", "[WebJob]"))

    assert "belongs to a built-in task" in mistake
