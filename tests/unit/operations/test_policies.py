"""Policies: what the job says, over its task, over the settings."""

from pathlib import Path
from typing import Any

from jobsched.catalog import Task, TaskPolicy
from jobsched.model import CatchUp, Misfire, Overlap, Policy, Retries
from jobsched.operations.policies import default_policy, merged
from jobsched.settings import JobDefaults
from jobsched.triggers import parse


def task_of(**policy: Any) -> Task:
    return Task(
        name="a",
        tasks_dir=Path("/tasks"),
        file="a.py",
        class_name="A",
        policy=TaskPolicy(**policy),
    )


def test_the_grace_of_an_interval_is_one_interval() -> None:
    every = parse({"interval": {"minutes": 2}})
    once = parse({"at": "2999-01-01T00:00:00Z"})

    assert default_policy(task_of(), JobDefaults(), every).misfire.grace == 120
    assert default_policy(task_of(), JobDefaults(), once).misfire.grace == 300
    assert default_policy(task_of(), JobDefaults(), None).misfire.grace == 300


def test_job_defaults_are_the_defaults_of_jobs() -> None:
    defaults = JobDefaults(max_instances=4, coalesce=False, misfire_grace=None)

    policy = default_policy(task_of(), defaults, None)

    assert policy.max_instances == 4
    assert policy.misfire == Misfire(grace=None, catch_up=CatchUp.ALL)


def test_what_the_task_says_counts_over_the_settings() -> None:
    task = task_of(max_instances=2, overlap=Overlap.QUEUE, timeout=5.0)

    policy = default_policy(task, JobDefaults(max_instances=4), None)

    assert (policy.max_instances, policy.overlap) == (2, Overlap.QUEUE)
    assert policy.timeout is None  # stays with the task, where a reload can change it


def test_jitter_is_that_of_the_trigger() -> None:
    trigger = parse({"interval": {"minutes": 2}, "jitter": 1.5})

    assert default_policy(task_of(), JobDefaults(), trigger).jitter == 1.5


def test_given_parts_are_merged_key_by_key() -> None:
    current = Policy(retries=Retries(max=3, backoff=1.0), misfire=Misfire(grace=7.0))

    policy = merged(
        current,
        Policy(),
        {
            "retries": {"exit_codes": [1, 2], "exceptions": ["A"]},
            "misfire": {"catch_up": CatchUp.ALL},
            "priority": 9,
        },
    )

    assert policy.retries == Retries(max=3, backoff=1.0, exit_codes=(1, 2), exceptions=("A",))
    assert policy.misfire == Misfire(grace=7.0, catch_up=CatchUp.ALL)
    assert policy.priority == 9


def test_null_goes_back_to_the_default() -> None:
    default = Policy(queue="slow", retries=Retries(max=1))
    current = Policy(queue="fast", retries=Retries(max=3, exit_codes=(1,)), timeout=3.0)

    given = {"queue": None, "retries": None, "timeout": None}

    assert merged(current, default, given) == default


def test_null_inside_retries_means_every_failure() -> None:
    current = Policy(retries=Retries(max=3, exit_codes=(1,)))

    policy = merged(current, Policy(), {"retries": {"exit_codes": None}})

    assert policy.retries == Retries(max=3)
