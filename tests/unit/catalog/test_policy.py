"""The keys that say how the runs of a task are treated."""

import pytest

from jobsched.catalog import Isolation
from jobsched.model import OnLost, Overlap, Policy, Retries
from tests.support.catalogs import Site, job


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
            "jobsched.retries.exceptions=OSError, http.client.Error",
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
        "retries": Retries(
            max=3,
            backoff=5.0,
            exit_codes=(1, 75),
            exceptions=("OSError", "http.client.Error"),
        ),
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
        ("jobsched.retries.exit_codes=1,x", "must be a whole number from 1 to 255, not 'x'"),
        (
            "jobsched.retries.exceptions=OS Error",
            "must name a class such as ConnectionError or package.module.Error",
        ),
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
