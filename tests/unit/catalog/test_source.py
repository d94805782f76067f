"""What counts as a class of a task file, and which is the built-in."""

import pytest

from tests.support.catalogs import Site, job


@pytest.mark.parametrize(
    "source",
    [
        "class Job: ...",
        "from elsewhere import Job",
        "from elsewhere import Other as Job",
        "import elsewhere as Job",
        "try:\n    from elsewhere import Job\nexcept ImportError:\n    pass",
        "try:\n    import x\nexcept ImportError:\n    class Job: ...",
        "if True:\n    pass\nelse:\n    class Job: ...",
        "with open('x'):\n    class Job: ...",
        "Job = make()",
        "Job: type = make()",
        "from elsewhere import *",
        "raise SystemExit  # never run\nclass Job: ...",
    ],
)
def test_a_class_counts_when_the_file_binds_its_name(site: Site, source: str) -> None:
    site.file("job.py", source)

    assert site.load(job()).get("one").class_name == "Job"


@pytest.mark.parametrize(
    "source", ["def f():\n    class Job: ...", "class Outer:\n    class Job: ...", "", "Jobs = 1"]
)
def test_a_class_that_the_file_does_not_bind_is_missing(site: Site, source: str) -> None:
    site.file("job.py", source)

    [mistake] = site.mistakes(job())

    assert "catalog.cfg:1 [one]: job.py neither defines nor imports 'Job'" in mistake


def test_an_own_class_named_runscript_is_not_the_built_in(site: Site) -> None:
    site.file(
        "job.py", "from jobsched.execution.script import RunScript as Base\nclass Job(Base):\n ..."
    )

    assert site.load(job()).get("one").builtin is None


def test_the_built_in_is_recognised_under_another_name(site: Site) -> None:
    site.file("job.py", "from jobsched.execution.script import RunScript as Job")

    assert site.load(job("script=a.sh")).get("one").builtin == "runscript"


@pytest.mark.parametrize("source", ["x = '\0'", "(" * 5000, "\xff"])
def test_a_file_that_is_no_python_is_named(site: Site, source: str) -> None:
    (site.tasks / "job.py").write_bytes(source.encode("latin-1"))

    [mistake] = site.mistakes(job())

    assert "[one]: job.py" in mistake
    assert "not valid Python" in mistake


def test_the_summary_is_the_first_line_of_the_docstring(site: Site) -> None:
    assert site.load(job()).get("one").summary == "Does it."
