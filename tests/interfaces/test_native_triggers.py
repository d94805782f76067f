"""The native API: jobs by the clock are scheduled, shown, found and refused."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsched import clock
from jobsched.model import RunState
from tests.support.native import Native, fields_of, native_api, shown

BERLIN = {"timezone": "Europe/Berlin"}
FAR = {"start": "2099-01-01T00:00:00Z"}  # a Thursday
NCRONTAB = {"expression": "0 30 9 * * 1-5", "dialect": "ncrontab"}
MONTHLY = {
    "frequency": "month",
    "interval": 1,
    "schedule": {"monthlyOccurrences": [{"day": "friday", "occurrence": -1}], "hours": [7]},
}
DAILY = {"frequency": "day", "interval": 2}
TWO = [{"cron": "0 9 * * 1-5"}, {"at": "2099-01-02T08:00:00Z"}]


@pytest.mark.parametrize(
    ("trigger", "moment"),
    [
        ({"cron": "0 9 * * 1-5", **BERLIN, **FAR}, "2099-01-01T08:00:00Z"),
        ({"cron": "0 9 * * sat", **FAR, "count": 3}, "2099-01-03T09:00:00Z"),
        ({"cron": "@yearly", **BERLIN, "start": "2099-01-02T00:00:00Z"}, "2099-12-31T23:00:00Z"),
        ({"cron": NCRONTAB, **FAR}, "2099-01-01T09:30:00Z"),
        ({"cron": "30 2 * * *", "dst": "skip", **BERLIN, **FAR}, "2099-01-01T01:30:00Z"),
        ({"recurrence": DAILY, "startTime": "2099-01-01T12:00:00Z"}, "2099-01-01T12:00:00Z"),
        ({"recurrence": DAILY, **FAR, "count": 2}, "2099-01-01T00:00:00Z"),
        ({"recurrence": MONTHLY, "startTime": "2099-01-01T12:00:00Z"}, "2099-01-30T07:00:00Z"),
        ({"any": TWO, **BERLIN, **FAR}, "2099-01-01T08:00:00Z"),
        ({"any": [{"cron": "0 9 * * 6", **FAR}, TWO[1]], "jitter": 5}, "2099-01-02T08:00:00Z"),
    ],
)
def test_each_kind_of_trigger_says_when_it_comes(
    api: Native, client: FlaskClient, trigger: dict[str, Any], moment: str
) -> None:
    path = api.schedule(interval=..., **trigger)

    job = shown(client, path)

    assert job["next_run_at"] == moment
    assert datetime.fromisoformat(job["next_run"]).astimezone() == datetime.fromisoformat(moment)
    assert (job["state"], job["mode"], job["interval"]) == ("active", "scheduled", None)
    assert job["misfire"]["grace"] == 300
    assert shown(client, "/jobs")["values"] == [job]


def test_a_cron_job_shows_its_expression_and_what_it_means(
    api: Native, client: FlaskClient
) -> None:
    path = api.schedule(interval=..., cron=" 0  9 * * 1-5 ", count=3, jitter=2, **BERLIN, **FAR)

    job = shown(client, path)

    assert (job["cron"], job["timezone"], job["dst"]) == ("0 9 * * 1-5", "Europe/Berlin", "once")
    assert (job["start"], job["count"], job["jitter"]) == (FAR["start"], 3, 2)
    assert (job["recurrence"], job["any"], job["at"], job["end"]) == (None, None, None, None)
    assert (job["calendars"], job["on_excluded"]) == (None, None)
    assert job["trigger"]["cron"] == "0 9 * * 1-5"
    assert "09:00" in job["trigger"]["description"]
    assert "since" not in job["trigger"]


def test_another_dialect_is_shown_with_its_name(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval=..., cron=NCRONTAB)

    assert shown(client, path)["cron"] == NCRONTAB


def test_a_recurrence_has_its_bounds_in_its_own_words(api: Native, client: FlaskClient) -> None:
    counted = api.schedule(interval=..., recurrence={**DAILY, "count": 4}, startTime=FAR["start"])
    ended = api.schedule(interval=..., recurrence=DAILY, **FAR, end="2099-06-01T00:00:00Z")

    jobs = [shown(client, path) for path in (counted, ended)]

    assert jobs[0]["recurrence"] == {**DAILY, "count": 4}
    assert jobs[1]["recurrence"] == {**DAILY, "endTime": "2099-06-01T00:00:00Z"}
    for job in jobs:
        assert job["startTime"] == FAR["start"]
        assert (job["start"], job["end"], job["count"]) == (None, None, None)


def test_several_triggers_are_shown_as_a_list(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval=..., any=TWO, end="2100-01-01T00:00:00Z", **BERLIN)

    job = shown(client, path)

    assert [sorted(one.keys() & {"cron", "at"}) for one in job["any"]] == [["cron"], ["at"]]
    assert (job["timezone"], job["end"]) == ("Europe/Berlin", "2100-01-01T00:00:00Z")
    assert "09:00" in job["trigger"]["description"]


@pytest.mark.parametrize(
    "trigger",
    [
        {"cron": "*/5 9-17 * * 1-5", "count": 7, "jitter": 1.5, "dst": "both", **BERLIN},
        {"cron": NCRONTAB, "end": "2099-01-01T00:00:00Z"},
        {"recurrence": {**MONTHLY, "count": 9}, "startTime": "2099-01-01T12:00:00Z"},
        {"any": TWO, "count": 5, **BERLIN},
        {"interval": {"minutes": 5}, "end": "2099-01-01T00:00:00Z"},
    ],
)
def test_the_trigger_that_is_shown_may_be_sent_for_a_new_job(
    api: Native, client: FlaskClient, trigger: dict[str, Any]
) -> None:
    first = shown(client, api.schedule(**{"interval": ..., **trigger}))
    description = first["trigger"].pop("description")

    second = shown(client, api.schedule(**{"interval": ..., **first["trigger"]}))

    assert second["trigger"] == {**first["trigger"], "description": description}
    assert second["next_run_at"] == first["next_run_at"]


def test_a_recurrence_without_a_start_is_due_at_once(api: Native, client: FlaskClient) -> None:
    before = clock.now()

    job = shown(client, api.schedule(interval=..., recurrence={"frequency": "hour"}))

    assert before <= datetime.fromisoformat(job["next_run_at"]) <= clock.now()
    assert (job["startTime"], job["interval"]) == (None, None)
    assert job["misfire"]["grace"] == 300


CRON = {"cron": "0 9 * * *"}
RECURRENCE = {"recurrence": {"frequency": "day"}}


@pytest.mark.parametrize(
    ("trigger", "field", "rule"),
    [
        ({"cron": "60 * * * *"}, "cron", "range"),
        ({"cron": "*/0 * * * *"}, "cron", "range"),
        ({"cron": "0 0 30 2 *"}, "cron", "never"),
        ({"cron": 5}, "cron", "type"),
        ({"cron": {"expression": "0 9 * * 1-5", "dialect": "quartz"}}, "cron.dialect", "choice"),
        ({**CRON, "timezone": "Europe/Atlantis"}, "timezone", "timezone"),
        ({**CRON, "dst": "twice"}, "dst", "choice"),
        ({**CRON, "calendars": ["nowhere"]}, "calendars[0]", "unknown"),
        ({**CRON, "calendars": []}, "calendars", "type"),
        ({**CRON, "on_excluded": "later"}, "on_excluded", "choice"),
        ({**CRON, "end": "2020-01-01T00:00:00Z"}, "end", "past"),
        ({**CRON, "start": "2099-01-02", "end": "2099-01-01"}, "end", "order"),
        ({**CRON, "count": 0}, "count", "range"),
        ({**CRON, "count": 1.5}, "count", "range"),
        ({**CRON, "jitter": -1}, "jitter", "range"),
        ({**CRON, "at": "2099-01-01"}, "cron", "one_of"),
        ({"recurrence": {"frequency": "year"}}, "recurrence.frequency", "choice"),
        ({"recurrence": {}}, "recurrence.frequency", None),
        ({"recurrence": {"frequency": "day", "interval": 549}}, "recurrence.interval", "range"),
        ({**RECURRENCE, "start": "2099-01-01", "startTime": "2099-01-01"}, "start", "repeated"),
        ({"any": []}, "any", None),
        ({"any": [{"any": [CRON]}]}, None, None),
        ({"any": [CRON, {"cron": "60 * * * *"}]}, "any[1].cron", "range"),
        ({"any": [CRON], "startTime": "2099-01-01"}, "startTime", None),
    ],
)
def test_what_is_no_trigger_is_refused(
    api: Native, client: FlaskClient, trigger: dict[str, Any], field: str | None, rule: str | None
) -> None:
    response = client.post("/jobs", json={"task": "example", "name": "fake", **trigger})

    fields = fields_of(response)
    (error,) = response.get_json()["errors"]
    assert (field or fields[0], rule or error["rule"]) == (fields[0], error["rule"])
    assert shown(client, "/jobs")["values"] == []


def test_all_that_is_wrong_with_a_trigger_is_told_at_once(client: FlaskClient) -> None:
    body = {
        "task": "example", "name": "", "cron": "61 * * * *", "dst": "twice", "priority": 1000,
        "count": 0, "calendars": ["nowhere"], "timezone": "Nowhere/Land", "colour": "red",
    }  # fmt: skip

    assert sorted(fields_of(client.post("/jobs", json=body))) == [
        "calendars[0]", "colour", "count", "cron", "dst", "name", "priority", "timezone",
    ]  # fmt: skip


def test_the_same_key_makes_one_cron_job(client: FlaskClient) -> None:
    body = {"task": "example", "name": "fake", **CRON, **BERLIN}
    headers = {"Idempotency-Key": "abc"}

    first, again = (client.post("/jobs", json=body, headers=headers) for _ in range(2))

    assert first.headers["Location"] == again.headers["Location"]
    assert len(shown(client, "/jobs")["values"]) == 1


def test_jobs_of_every_kind_are_found_by_the_filters(api: Native, client: FlaskClient) -> None:
    api.schedule(name="a", interval=..., group="night", **CRON)
    api.schedule(name="b", interval=..., recurrence=DAILY, **FAR, paused=True)
    api.schedule(name="c", interval=..., any=TWO, task="other")

    def names(query: str) -> list[str]:
        return [job["name"] for job in shown(client, f"/jobs?{query}")["values"]]

    assert names("group=night") == ["a"]
    assert names("state=paused") == ["b"]
    assert names("task=other") == ["c"]
    assert names("mode=scheduled") == ["a", "b", "c"]


@pytest.mark.parametrize(
    "trigger",
    [
        CRON,
        {"recurrence": DAILY, **FAR},
        {"any": TWO},
        {"at": "2099-01-01T00:00:00Z"},
    ],
)
def test_a_job_of_every_kind_can_be_run_paused_and_resumed(
    api: Native, client: FlaskClient, trigger: dict[str, Any]
) -> None:
    path = api.schedule(interval=..., **trigger)
    before = shown(client, path)

    run = client.post(f"{path}/run").get_json()
    paused = client.post(f"{path}/pause").get_json()
    resumed = client.post(f"{path}/resume").get_json()

    assert (run["job"], run["state"]) == (before["id"], RunState.QUEUED)
    assert (paused["state"], paused["next_run"]) == ("paused", None)
    assert (resumed["state"], resumed["next_run"]) == ("active", before["next_run"])


def test_what_is_planned_is_listed_ahead(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval=..., cron="0 9 * * *", **BERLIN, **FAR)
    query = "from=2099-01-01T00:00:00Z&to=2099-01-03T00:00:00Z"

    rows = shown(client, f"{path}/occurrences?{query}")["values"]

    assert [(row["due_at"], row["outcome"]) for row in rows] == [
        ("2099-01-02T08:00:00Z", "planned"),
        ("2099-01-01T08:00:00Z", "planned"),
    ]


@pytest.mark.parametrize("trigger", [CRON, {"recurrence": DAILY, **FAR}, {"any": TWO}])
def test_a_job_of_which_a_calendar_is_gone_stays_readable_and_is_repaired(
    api: Native, client: FlaskClient, trigger: dict[str, Any]
) -> None:
    path, other = api.schedule(interval=..., **trigger), api.schedule()
    stored = api.store.jobs.get(path.removeprefix("/jobs/"))
    assert stored is not None
    assert stored.trigger is not None
    lost = {**stored.trigger, "calendars": ["gone"], "on_excluded": "next"}
    api.store.jobs.change(stored.id, None, {"trigger": lost})

    job = shown(client, path)
    listed = shown(client, "/jobs")["values"]
    renamed = client.put(path, json={**job, "name": "new", "timeout": 5})
    refused = client.put(path, json={"count": 5})
    repaired = client.put(path, json={"calendars": None}).get_json()

    assert (job["calendars"], job["on_excluded"]) == (["gone"], "next")
    assert "gone" in job["trigger"]["description"]
    assert [each["url"] for each in listed] == [f"http://localhost{each}" for each in (path, other)]
    assert (renamed.status_code, renamed.get_json()["name"]) == (200, "new")
    assert fields_of(refused) == ["calendars[0]"]
    assert (repaired["calendars"], repaired["on_excluded"]) == (None, None)
    assert repaired["next_run"] is not None


def test_the_calendars_of_a_job_are_shown_changed_and_taken_away(tmp_path: Path) -> None:
    text = "first: {dates: [2099-01-01]}\nsecond: {dates: [2099-01-02]}\n"
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "calendars.yaml").write_text(text, encoding="utf-8")
    with native_api(tmp_path) as api:
        path, client = api.schedule(interval=..., **CRON, **FAR, calendars=["first"]), api.client()

        one = shown(client, path)
        both = client.put(path, json={"calendars": ["first", "second"]}).get_json()
        moved = client.put(path, json={"calendars": ["second"], "on_excluded": "next"}).get_json()
        none = client.put(path, json={**moved, "calendars": None}).get_json()

    assert (one["calendars"], one["on_excluded"]) == (["first"], "skip")
    assert (one["next_run_at"], both["next_run_at"]) == (
        "2099-01-02T09:00:00Z", "2099-01-03T09:00:00Z",
    )  # fmt: skip
    assert (moved["on_excluded"], moved["next_run_at"]) == ("next", "2099-01-01T09:00:00Z")
    assert (none["calendars"], none["on_excluded"]) == (None, None)
    assert "calendars" not in none["trigger"]
