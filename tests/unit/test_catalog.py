"""The catalog: seed 002's sample, what each key means, and every mistake named at once."""

from pathlib import Path

import pytest

from jobsched.catalog import Catalog, Isolation, load
from jobsched.errors import ConfigurationError, UnknownTask
from jobsched.model import OnLost, Overlap, Policy, Retries

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


class Site:
    """A conf folder and a tasks folder."""

    def __init__(self, root: Path) -> None:
        self.conf = root / "conf"
        self.tasks = root / "tasks"
        self.conf.mkdir()
        self.tasks.mkdir()
        self.file("job.py", 'class Job:\n    """Does it.\n\n    At length."""\n')

    def file(self, name: str, text: str) -> None:
        (self.tasks / name).write_text(text, encoding="utf-8")

    def load(self, catalog: str) -> Catalog:
        (self.conf / "catalog.cfg").write_text(catalog, encoding="utf-8")
        return load(self.conf, self.tasks)

    def mistakes(self, catalog: str) -> list[str]:
        with pytest.raises(ConfigurationError) as refusal:
            self.load(catalog)
        return [str(m).removeprefix(f"{self.conf}/") for m in refusal.value.mistakes]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def job(*lines: str) -> str:
    return "\n".join(["[one]", "file=job.py", "class=Job", *lines])


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
    root = Path(__file__).parents[2]

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


def test_the_built_in_knows_its_arguments(site: Site) -> None:
    site.file("job.py", "from jobsched.execution.script import RunScript as Job")

    mistakes = site.mistakes(job("scrpt=a.sh"))

    assert mistakes == [
        "catalog.cfg:1 [one]: 'script' is missing: the script that RunScript runs",
        "catalog.cfg:1 [one]: RunScript has no argument 'scrpt'. Did you mean script?",
    ]


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

    assert len(mistakes) == 2


def test_a_missing_catalog_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"/catalog\.cfg: cannot be read: No such file"):
        load(tmp_path, tmp_path)


def test_a_catalog_that_is_not_utf8_is_refused(site: Site) -> None:
    (site.conf / "catalog.cfg").write_bytes(b"[a]\nx=\xff\n")

    with pytest.raises(ConfigurationError, match="is not UTF-8 at byte 6"):
        load(site.conf, site.tasks)


def test_an_empty_catalog_has_no_tasks(site: Site) -> None:
    assert site.load("").names() == []


@pytest.mark.parametrize("name", ["x" * 201, "a\x07b"])
def test_a_name_that_no_interface_could_show_is_refused(site: Site, name: str) -> None:
    mistakes = site.mistakes(f"[{name}]\nfile=job.py\nclass=Job\n")

    assert any("1 to 200 characters" in mistake for mistake in mistakes)


@pytest.mark.parametrize("source", ["x = '\0'", "(" * 5000, "\xff"])
def test_a_file_that_is_no_python_is_named(site: Site, source: str) -> None:
    (site.tasks / "job.py").write_bytes(source.encode("latin-1"))

    [mistake] = site.mistakes(job())

    assert "[one]: job.py" in mistake
    assert "not valid Python" in mistake


def test_policy_keys_are_read_and_are_no_arguments(site: Site) -> None:
    task = site.load(
        job(
            "jobsched.isolation=fork",
            "jobsched.params = region, day",
            "jobsched.timeout=1.5",
            "jobsched.idle_timeout=0",
            "jobsched.grace=2",
            "jobsched.retries=3",
            "jobsched.retries.backoff=5",
            "jobsched.retries.exit_codes=1, 75",
            "jobsched.on_lost=retry",
            "jobsched.queue=slow",
            "jobsched.priority=-7",
            "jobsched.max_instances=2",
            "jobsched.overlap=queue",
            "jobsched.detach=true",
            "phrase=foo",
        )
    ).get("one")

    assert task.arguments == {"phrase": "foo"}
    assert task.params == ("region", "day")
    assert task.policy.given() == {
        "isolation": Isolation.FORK,
        "params": ("region", "day"),
        "timeout": 1.5,
        "idle_timeout": 0.0,
        "grace": 2.0,
        "retries": Retries(max=3, backoff=5.0, exit_codes=(1, 75)),
        "on_lost": OnLost.RETRY,
        "queue": "slow",
        "priority": -7,
        "max_instances": 2,
        "overlap": Overlap.QUEUE,
        "detach": True,
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("jobsched.timeout=soon", "must be a number of seconds, 0 or more, not 'soon'"),
        ("jobsched.timeout=-1", "must be a number of seconds, 0 or more, not '-1'"),
        ("jobsched.timeout=nan", "must be a number of seconds, 0 or more, not 'nan'"),
        ("jobsched.timeout=inf", "must be a number of seconds, 0 or more, not 'inf'"),
        ("jobsched.isolation=wram", "must be one of warm, fork, not 'wram'. Did you mean warm?"),
        ("jobsched.retries=1.5", "must be a whole number from 0 to 1000, not '1.5'"),
        ("jobsched.retries.jitter=2", "must be a number from 0 to 1, not '2'"),
        ("jobsched.retries.factor=0", "must be a number from 1 to 100, not '0'"),
        ("jobsched.retries.exit_codes=1,x", "must be a whole number from 0 to 255, not 'x'"),
        ("jobsched.priority=101", "must be a whole number from -100 to 100, not '101'"),
        ("jobsched.max_instances=0", "must be a whole number from 1 to 1000, not '0'"),
        ("jobsched.queue=-a", "'-a' is no name: letters, digits, '-' and '_', 64 at most"),
        ("jobsched.params=a b", "'a b' is no name: letters, digits and '_', 64 at most"),
        ("jobsched.params=a, a", "'a' stands there twice"),
        ("jobsched.detach=maybe", "must be true or false, not 'maybe'"),
        ("jobsched.run_as=", "must name a user"),
    ],
)
def test_a_wrong_policy_value_is_named(site: Site, line: str, message: str) -> None:
    key = line.partition("=")[0]

    assert site.mistakes(job(line)) == [f"catalog.cfg:1 [one]: {key}: {message}"]


def test_a_new_job_takes_what_its_task_says(site: Site) -> None:
    policy = site.load(job("jobsched.overlap=queue", "jobsched.timeout=5")).get("one").policy

    assert policy.for_jobs(Policy(priority=3)) == Policy(priority=3, overlap=Overlap.QUEUE)


@pytest.mark.parametrize(
    ("of_run", "of_task", "builtin", "limit"),
    [
        (None, "", False, None),
        (None, "", True, 60.0),
        (None, "jobsched.timeout=5", False, 5.0),
        (None, "jobsched.timeout=5", True, 5.0),
        (None, "jobsched.timeout=0", True, None),
        (2.0, "jobsched.timeout=5", True, 2.0),
        (0.0, "jobsched.timeout=5", True, None),
    ],
)
def test_the_limit_of_a_run_is_its_own_or_the_tasks_or_for_scripts_the_livetime(
    site: Site, of_run: float | None, of_task: str, builtin: bool, limit: float | None
) -> None:
    if builtin:
        site.file("job.py", "from jobsched.execution.script import RunScript as Job")
    task = site.load(job(of_task, *(["script=a"] if builtin else []))).get("one")

    assert task.timeout(Policy(timeout=of_run), 60.0) == limit


def test_no_livetime_is_no_limit(site: Site) -> None:
    site.file("job.py", "from jobsched.execution.script import RunScript as Job")

    assert site.load(job("script=a")).get("one").timeout(Policy(), 0.0) is None


def test_the_idle_limit_of_a_run_is_its_own_or_the_tasks(site: Site) -> None:
    task = site.load(job("jobsched.idle_timeout=9")).get("one")

    assert task.idle_timeout(Policy()) == 9.0
    assert task.idle_timeout(Policy(idle_timeout=1.0)) == 1.0
    assert task.idle_timeout(Policy(idle_timeout=0.0)) is None


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


def test_the_summary_is_the_first_line_of_the_docstring(site: Site) -> None:
    assert site.load(job()).get("one").summary == "Does it."
