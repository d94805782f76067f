"""The native API: what PUT makes of a job's trigger, and what of its past stays."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsched import clock
from jobsched.triggers import restore
from tests.support.native import Native, fields_of, iso, native_api, shown

FAR = "2099-01-01T00:00:00Z"  # a Thursday
NCRONTAB = {"expression": "0 30 9 * * 1-5", "dialect": "ncrontab"}
HOURLY = {"frequency": "hour", "interval": 1}
DAY = timedelta(days=1)

KINDS: list[dict[str, Any]] = [
    {"interval": {"minutes": 5}, "count": 4, "jitter": 3},
    {"at": FAR, "timezone": "Europe/Berlin"},
    {"cron": "0 9 * * 1-5", "timezone": "Europe/Berlin", "dst": "both", "count": 8},
    {"cron": NCRONTAB, "end": FAR},
    {"recurrence": {**HOURLY, "count": 3}, "startTime": FAR},
    {"recurrence": HOURLY},
    {"recurrence": {"frequency": "week", "schedule": {"weekDays": ["monday"]}}},
    {"any": [{"cron": "0 9 * * *"}, {"interval": {"hours": 3}}], "count": 5},
]


def aged(api: Native, path: str, by: timedelta) -> None:
    """Make the job at *path* as old as if it had been created *by* ago, and fired since then."""
    job = api.store.jobs.get(path.removeprefix("/jobs/"))
    assert job is not None
    assert job.trigger is not None
    trigger = _aged(job.trigger, by)
    next_us = restore(trigger).next_after(clock.now_us())
    api.store.jobs.change(job.id, None, {"trigger": trigger, "next_us": next_us})


def _aged(trigger: Any, by: timedelta) -> Any:
    moved = {
        name: iso(datetime.fromisoformat(trigger[name]) - by)
        for name in ("since", "start", "at")
        if name in trigger
    }
    inner = {"any": [_aged(each, by) for each in trigger["any"]]} if "any" in trigger else {}
    return {**trigger, **moved, **inner}


def put(client: FlaskClient, path: str, **fields: object) -> dict[str, Any]:
    """Change the job at *path*; return what it has become."""
    response = client.put(path, json=fields)
    assert response.status_code == 200, response.get_json()
    body: dict[str, Any] = response.get_json()
    return body


@pytest.mark.parametrize("trigger", KINDS)
def test_an_answer_to_get_may_be_sent_back_for_every_kind(
    api: Native, client: FlaskClient, trigger: dict[str, Any]
) -> None:
    path = api.schedule(**{"interval": ..., **trigger})
    body = shown(client, path)

    same = put(client, path, **body)
    renamed = put(client, path, **{**body, "name": "new"})

    assert same == body
    moved = ("name", "version", "updated_at")
    assert {**renamed, **{name: body[name] for name in moved}} == body


@pytest.mark.parametrize(
    ("trigger", "change", "expected"),
    [
        ({"cron": "0 9 * * *", "start": FAR}, {"timezone": "Asia/Tokyo"}, "2099-01-01T00:00:00Z"),
        ({"cron": "0 9 * * *", "start": FAR}, {"cron": "5 9 * * *"}, "2099-01-01T09:05:00Z"),
        ({"cron": "0 9 * * *", "start": FAR}, {"cron": NCRONTAB}, "2099-01-01T09:30:00Z"),
        ({"cron": "0 9 * * *", "start": FAR}, {"end": "2100-01-01"}, "2099-01-01T09:00:00Z"),
        (
            {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "start": "2030-03-31T00:30:00Z"},
            {"dst": "skip"},
            "2030-04-01T00:30:00Z",
        ),
        (
            {"recurrence": HOURLY, "startTime": FAR},
            {"startTime": "2098-01-01T00:10:00Z"},
            "2098-01-01T00:10:00Z",
        ),
        ({"recurrence": HOURLY, "startTime": FAR}, {"start": "2098-01-01"}, "2098-01-01T00:00:00Z"),
        ({"recurrence": HOURLY, "startTime": FAR}, {"count": 5}, FAR),
        ({"recurrence": {**HOURLY, "count": 2}, "startTime": FAR}, {"count": 5}, FAR),
        ({"recurrence": HOURLY, "startTime": FAR}, {"cron": "0 9 * * *"}, "2099-01-01T09:00:00Z"),
        ({"cron": "0 9 * * *", "start": FAR, "count": 3}, {"recurrence": HOURLY}, FAR),
        ({"any": [{"cron": "0 9 * * *"}], "start": FAR}, {"cron": "@daily"}, FAR),
        (
            {"cron": "0 9 * * *", "start": FAR},
            {"any": [{"cron": "7 0 * * *"}]},
            "2099-01-01T00:07:00Z",
        ),
        ({"at": FAR}, {"at": "2098-01-01T00:00:00Z"}, "2098-01-01T00:00:00Z"),
        ({"at": FAR}, {"cron": "0 0 1 1 *", "start": FAR}, FAR),
    ],
)
def test_the_next_moment_follows_a_change_at_once(
    api: Native, client: FlaskClient, trigger: dict[str, Any], change: dict[str, Any], expected: str
) -> None:
    path = api.schedule(interval=..., **trigger)

    changed = put(client, path, **change)

    assert changed["next_run_at"] == expected
    assert shown(client, path) == changed


@pytest.mark.parametrize(
    ("change", "recurrence"),
    [
        ({"count": 5}, {**HOURLY, "count": 5}),
        ({"count": None}, HOURLY),
        ({"count": None, "start": None, "startTime": FAR}, HOURLY),
        (
            {"count": None, "end": "2099-05-01T00:00:00Z"},
            {**HOURLY, "endTime": "2099-05-01T00:00:00Z"},
        ),
        (
            {"recurrence": {"frequency": "day", "count": 7}},
            {"frequency": "day", "interval": 1, "count": 7},
        ),
        ({"recurrence": {"frequency": "day"}}, {"frequency": "day", "interval": 1}),
    ],
)
def test_the_words_of_a_recurrence_and_those_beside_it_do_not_collide(
    api: Native, client: FlaskClient, change: dict[str, Any], recurrence: dict[str, Any]
) -> None:
    path = api.schedule(interval=..., recurrence={**HOURLY, "count": 2}, startTime=FAR)

    changed = put(client, path, **change)

    assert (changed["recurrence"], changed["startTime"]) == (recurrence, FAR)
    assert (changed["start"], changed["end"], changed["count"]) == (None, None, None)


def test_what_is_said_twice_in_one_change_is_refused(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval=..., recurrence=HOURLY, startTime=FAR)
    twice: list[dict[str, Any]] = [
        {"start": FAR, "startTime": "2098-01-01T00:00:00Z"},
        {"recurrence": {**HOURLY, "count": 2}, "count": 3},
    ]

    assert [client.put(path, json=change).status_code for change in twice] == [400, 400]


def test_the_bounds_of_a_cron_job_come_and_go(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval=..., cron="0 9 * * *", start=FAR, end="2099-02-01T00:00:00Z")

    changed = put(client, path, start=None, end=None, count=2)

    assert (changed["start"], changed["end"], changed["count"]) == (None, None, 2)
    assert datetime.fromisoformat(changed["next_run_at"]) < clock.now() + 2 * DAY


@pytest.mark.parametrize("change", [{"jitter": 3}, {"timezone": "Asia/Tokyo"}, {"count": 50}])
def test_a_recurrence_begun_at_once_does_not_begin_again(
    api: Native, client: FlaskClient, change: dict[str, Any]
) -> None:
    path = api.schedule(interval=..., recurrence={"frequency": "hour", "interval": 7})
    aged(api, path, timedelta(hours=1))

    changed = put(client, path, **change)

    left = datetime.fromisoformat(changed["next_run_at"]) - clock.now()
    assert timedelta(hours=5, minutes=59) < left <= timedelta(hours=6)


def test_another_recurrence_begins_at_once(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval=..., recurrence={"frequency": "hour", "interval": 7})
    aged(api, path, timedelta(hours=1))
    before = clock.now()

    changed = put(client, path, recurrence={"frequency": "hour", "interval": 8})

    assert before <= datetime.fromisoformat(changed["next_run_at"]) <= clock.now()


def test_several_triggers_keep_their_past_together(api: Native, client: FlaskClient) -> None:
    kinds = [{"recurrence": {"frequency": "hour", "interval": 7}}, {"interval": {"hours": 4}}]
    path = api.schedule(interval=..., any=kinds)
    aged(api, path, timedelta(hours=5))

    changed = put(client, path, timezone="Asia/Tokyo", jitter=2)

    left = datetime.fromisoformat(changed["next_run_at"]) - clock.now()
    assert timedelta(hours=1, minutes=59) < left <= timedelta(hours=2)


def test_what_is_over_of_several_triggers_is_no_obstacle_to_a_change(
    api: Native, client: FlaskClient
) -> None:
    kinds = [{"at": iso(clock.now() + timedelta(hours=1))}, {"interval": {"hours": 4}}]
    path = api.schedule(interval=..., any=kinds, count=5)
    aged(api, path, timedelta(hours=3))

    changed = put(client, path, jitter=2)

    assert changed["jitter"] == 2
    assert datetime.fromisoformat(changed["any"][0]["at"]) < clock.now()


def test_a_count_goes_on_from_the_creation(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval=..., cron="0 * * * *", count=100)
    aged(api, path, timedelta(hours=10))

    same = put(client, path, jitter=3)
    fewer = client.put(path, json={"count": 5})
    enough = put(client, path, count=12)
    ahead = shown(client, f"{path}/occurrences?from={iso(clock.now())}")["values"]

    assert same["count"] == 100
    assert fields_of(fewer) == ["count"]
    assert fewer.get_json()["errors"][0]["rule"] == "never"
    assert enough["next_run"] == same["next_run"]
    assert len(ahead) == 2


def test_another_rule_counts_anew(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval=..., cron="0 * * * *", count=3)
    aged(api, path, timedelta(hours=10))

    put(client, path, cron="30 * * * *")

    rows = shown(client, f"{path}/occurrences?from={iso(clock.now())}")["values"]
    assert len([row for row in rows if row["outcome"] == "planned"]) == 3


def test_the_grid_of_an_interval_stays_when_its_rule_does(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval={"hours": 7})
    aged(api, path, timedelta(hours=1))
    before = shown(client, path)

    changes: list[dict[str, Any]] = [
        {"count": 10}, {"jitter": 2}, {"timezone": "Asia/Tokyo"}, {"interval": {"minutes": 420}},
        {"start": None},
    ]  # fmt: skip
    starts = {put(client, path, **change)["start"] for change in changes}

    assert starts == {before["start"]}


def test_a_job_changes_its_kind_and_back(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval={"hours": 7}, end=FAR)

    cron = put(client, path, cron="0 9 * * *")
    recurrence = put(client, path, recurrence=HOURLY, startTime="2098-01-01T00:00:00Z")
    several = put(client, path, any=[{"cron": "0 9 * * *"}])
    interval = put(client, path, interval={"hours": 2})

    assert (cron["interval"], cron["cron"], cron["start"], cron["end"]) == (
        None, "0 9 * * *", None, FAR,
    )  # fmt: skip
    assert (recurrence["cron"], recurrence["startTime"]) == (None, "2098-01-01T00:00:00Z")
    assert recurrence["recurrence"]["endTime"] == FAR
    assert (several["recurrence"], several["startTime"]) == (None, None)
    assert (several["start"], len(several["any"])) == ("2098-01-01T00:00:00Z", 1)
    assert (interval["any"], interval["interval"]) == (None, "2:00:00")
    assert interval["misfire"]["grace"] == 7200


def test_a_body_from_get_may_carry_a_new_kind(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval=..., recurrence=HOURLY, startTime=FAR)
    body = shown(client, path)

    changed = put(client, path, **{**body, "recurrence": None, "cron": "0 9 * * *"})

    assert (changed["cron"], changed["recurrence"], changed["start"]) == ("0 9 * * *", None, FAR)


def test_a_paused_job_takes_a_new_trigger(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval=..., cron="0 9 * * *", paused=True)

    paused = put(client, path, cron="0 10 * * *", start=FAR)
    resumed = client.post(f"{path}/resume").get_json()

    assert (paused["state"], paused["next_run_at"]) == ("paused", None)
    assert resumed["next_run_at"] == "2099-01-01T10:00:00Z"


def test_a_wrong_change_of_a_trigger_changes_nothing(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval=..., cron="0 9 * * *")
    before = shown(client, path)
    wrong: list[dict[str, Any]] = [
        {"cron": "61 * * * *"}, {"dst": "twice"}, {"calendars": ["nowhere"]}, {"cron": None},
        {"end": "2020-01-01T00:00:00Z"}, {"at": FAR, "any": [{"at": FAR}]}, {"startTime": FAR},
    ]  # fmt: skip

    assert {client.put(path, json=change).status_code for change in wrong} == {400}
    assert shown(client, path) == before


def test_what_the_old_trigger_left_out_is_told_once_it_is_gone(tmp_path: Path) -> None:
    last = (clock.now() + 30 * DAY).date()
    text = f"closed: {{ranges: [{{from: 2020-01-01, to: {last}}}]}}"
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "calendars.yaml").write_text(text, encoding="utf-8")
    with native_api(tmp_path) as api:
        path, client = (
            api.schedule(interval=..., cron="0 * * * *", calendars=["closed"]),
            api.client(),
        )
        seen = clock.now() - timedelta(hours=5)
        api.store.jobs.change(path.removeprefix("/jobs/"), None, {"seen_us": clock.to_us(seen)})

        changed = put(client, path, calendars=None)
        again = put(client, path, cron="30 * * * *")
        rows = shown(client, f"{path}/occurrences?from={iso(seen)}&to={iso(clock.now())}")["values"]

    assert changed["next_run_at"] is not None
    assert again["version"] > changed["version"]
    assert sum(row.get("count") or 1 for row in rows) == 5
    assert {row["outcome"] for row in rows} == {"skipped"}
    assert all("closed" in row["reason"] for row in rows)
