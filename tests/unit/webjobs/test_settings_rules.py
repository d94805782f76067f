from typing import Any

import pytest

from jobsched.model import CatchUp, Overlap
from jobsched.webjobs.settings_rules import KUDU_KEYS, understand


def broken(**values: Any) -> list[tuple[str, str]]:
    return [(each.field, each.rule) for each in understand(values).mistakes]


def test_kudus_keys_are_understood() -> None:
    said = understand(
        {
            "schedule": "0 */5 * * * *",
            "is_singleton": True,
            "stopping_wait_time": 7,
            "is_in_place": False,
        }
    )

    assert said.schedule == {"cron": {"expression": "0 */5 * * * *", "dialect": "ncrontab"}}
    assert said.singleton is True
    assert said.policy == {"grace": 7.0}
    assert said.mistakes == []


def test_our_own_keys_are_understood() -> None:
    said = understand(
        {
            "timezone": "Europe/Berlin",
            "recurrence": {"frequency": "day"},
            "startTime": "2030-01-01",
            "jitter": 5,
            "dst": "skip",
            "calendars": ["holidays"],
            "timeout": 60,
            "idle_timeout": 0,
            "retries": {"max": 3, "backoff": 1.5, "exit_codes": [1, 2], "exceptions": ["OSError"]},
            "env": {"A": "b"},
            "max_instances": 2,
            "overlap": "queue",
            "misfire": {"grace": None, "catch_up": "all"},
            "run_as": "nobody",
        }
    )

    assert said.mistakes == []
    assert said.schedule == {
        "timezone": "Europe/Berlin",
        "recurrence": {"frequency": "day"},
        "startTime": "2030-01-01",
        "jitter": 5,
        "dst": "skip",
        "calendars": ["holidays"],
    }
    assert said.policy == {
        "timeout": 60.0,
        "idle_timeout": 0.0,
        "retries": {"max": 3, "backoff": 1.5, "exit_codes": [1, 2], "exceptions": ["OSError"]},
        "env": {"A": "b"},
        "max_instances": 2,
        "overlap": Overlap.QUEUE,
        "misfire": {"grace": None, "catch_up": CatchUp.ALL},
        "run_as": "nobody",
    }


@pytest.mark.parametrize(
    ("word", "overlap"),
    [
        ("reject", Overlap.SKIP),
        ("skip", Overlap.SKIP),
        ("queue", Overlap.QUEUE),
        ("replace", Overlap.REPLACE),
    ],
)
def test_on_conflict_is_another_word_for_overlap(word: str, overlap: Overlap) -> None:
    assert understand({"on_conflict": word}).policy == {"overlap": overlap}


@pytest.mark.parametrize("order", [("overlap", "on_conflict"), ("on_conflict", "overlap")])
def test_overlap_wins_over_on_conflict(order: tuple[str, str]) -> None:
    values = {"overlap": "queue", "on_conflict": "reject"}

    said = understand({key: values[key] for key in order})

    assert said.policy["overlap"] is Overlap.QUEUE


def test_health_is_checked_by_a_command_or_a_page() -> None:
    page = {"url": "http://127.0.0.1:8080/alive", "timeout": 1}

    assert understand({"health": page}).policy == {"health": page}
    assert understand({"health": {"command": ["true"]}}).mistakes == []


def test_a_number_of_retries_will_do() -> None:
    assert understand({"retries": 2}).policy == {"retries": {"max": 2}}


def test_unknown_keys_and_nulls_say_nothing() -> None:
    said = understand({"one": 1, "Two": {"x": []}, "schedule": None, "timeout": None})

    assert (said.schedule, said.policy, said.mistakes) == ({}, {}, [])


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_schedule_is_none(text: str) -> None:
    assert understand({"schedule": text}).schedule == {}


@pytest.mark.parametrize(
    ("given", "grace"), [(-5, 0.0), (0, 0.0), (3601, 3600.0), (10**30, 3600.0)]
)
def test_a_waiting_time_is_kept_within_bounds(given: int, grace: float) -> None:
    assert understand({"stopping_wait_time": given}).policy == {"grace": grace}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schedule", 5),
        ("is_singleton", "true"),
        ("stopping_wait_time", "5"),
        ("stopping_wait_time", True),
        ("stopping_wait_time", 1.5),
        ("is_in_place", 1),
    ],
)
def test_a_wrong_type_of_kudus_keys_is_a_mistake_only_when_it_is_sent(
    key: str, value: object
) -> None:
    assert key in KUDU_KEYS
    assert broken(**{key: value}) == [(key, "type")]
    lenient = understand({key: value}, lenient=True)
    assert (lenient.mistakes, lenient.schedule, lenient.policy) == ([], {}, {})


@pytest.mark.parametrize(
    ("key", "value", "field", "rule"),
    [
        ("timeout", "1", "timeout", "type"),
        ("timeout", -1, "timeout", "range"),
        ("timeout", float("inf"), "timeout", "range"),
        ("timeout", 10**400, "timeout", "range"),
        ("idle_timeout", True, "idle_timeout", "type"),
        ("max_instances", 0, "max_instances", "range"),
        ("max_instances", 1.0, "max_instances", "type"),
        ("overlap", "reject", "overlap", "choice"),
        ("overlap", ["skip"], "overlap", "choice"),
        ("on_conflict", "panic", "on_conflict", "choice"),
        ("env", {"A": 1}, "env", "type"),
        ("env", [], "env", "type"),
        ("env", {"1A": "x"}, "env", "variable"),
        ("env", {"JOBSCHED_RUN_ID": "x"}, "env", "variable"),
        ("env", {"A": "x\0"}, "env", "variable"),
        ("run_as", 0, "run_as", "type"),
        ("misfire", 5, "misfire", "type"),
        ("misfire", {"catch_up": "some"}, "misfire.catch_up", "choice"),
        ("misfire", {"lateness": 1}, "misfire.lateness", "unknown"),
        ("retries", "3", "retries", "type"),
        ("retries", -1, "retries.max", "range"),
        ("retries", {"exit_codes": "1"}, "retries.exit_codes", "type"),
        ("retries", {"exit_codes": [256]}, "retries.exit_codes", "range"),
        ("retries", {"exit_codes": [0]}, "retries.exit_codes", "range"),
        ("retries", {"exceptions": "OSError"}, "retries.exceptions", "type"),
        ("retries", {"exceptions": ["a b"]}, "retries.exceptions", "characters"),
        ("retries", {"factor": 0.5}, "retries.factor", "range"),
        ("health", {}, "health", "required"),
        ("health", {"url": "http://localhost/", "command": ["x"]}, "health", "required"),
        ("health", {"url": "http://example.org/"}, "health.url", "url"),
        ("health", {"url": "http://localhost/" + "x" * 2000}, "health.url", "length"),
        ("health", {"url": 5}, "health.url", "url"),
        ("health", {"command": []}, "health.command", "type"),
        ("health", {"command": ["x", 5]}, "health.command", "type"),
        ("health", {"command": ["x"], "interval": 0}, "health.interval", "range"),
    ],
)
def test_a_broken_rule_of_our_keys_is_always_told(
    key: str, value: object, field: str, rule: str
) -> None:
    assert broken(**{key: value}) == [(field, rule)]
    lenient = understand({key: value}, lenient=True)
    assert [(each.field, each.rule) for each in lenient.mistakes] == [(field, rule)]


def test_a_wrong_user_is_kept_lest_the_job_gets_more_rights_than_it_asked_for() -> None:
    assert understand({"run_as": 5}).policy == {"run_as": "5"}


def test_schedule_and_recurrence_exclude_each_other() -> None:
    assert broken(schedule="* * * * *", recurrence={}) == [("recurrence", "one_of")]


def test_every_mistake_is_told_at_once() -> None:
    assert broken(timeout="x", retries="y", schedule=1) == [
        ("timeout", "type"),
        ("retries", "type"),
        ("schedule", "type"),
    ]
