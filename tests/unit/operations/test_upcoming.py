"""What all jobs will do, against listing all moments and counting all runs by brute force."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobsched import clock
from jobsched.calendars import NO_CALENDARS
from jobsched.clock import SECOND
from jobsched.errors import InvalidInput
from jobsched.model import JobState, Mode
from jobsched.operations import upcoming
from jobsched.operations.configuration import Configuration
from jobsched.operations.upcoming import Moment, Upcoming
from jobsched.storage import Store
from jobsched.storage.paging import cursor_after
from jobsched.storage.searching import JobFilter
from jobsched.storage.switches import PAUSE_ALL
from jobsched.triggers import parse
from tests.support.databases import migrated
from tests.support.rows import NOON, add_job
from tests.support.upcoming import HOUR, Plan, listed, naive, put

PLANS = st.lists(
    st.builds(
        Plan,
        step=st.integers(1, 15),
        start=st.integers(-20, 30),
        count=st.none() | st.integers(1, 5),
        lasted=st.none() | st.integers(1, 40),
        alive=st.just(()) | st.tuples(st.integers(0, 20)),
        most=st.integers(1, 3),
        paused=st.none() | st.integers(1, 30),
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("upcoming")
    opened = migrated(f"sqlite:///{folder / 'jobsched.db'}")
    yield opened
    opened.close()


@pytest.fixture
def coming(store: Store, monkeypatch: pytest.MonkeyPatch) -> Upcoming:
    """The verb at noon, over no jobs and no pause."""
    put(store, [])
    store.switches.put(PAUSE_ALL, {"paused": False})
    monkeypatch.setattr(clock, "now_us", lambda: NOON)
    return Upcoming(store, _configuration())


def _configuration() -> Configuration:
    configuration = object.__new__(Configuration)
    configuration.calendars = NO_CALENDARS
    return configuration


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(PLANS, st.integers(1, 12))
def test_every_row_of_every_page_is_as_by_brute_force(
    store: Store, plans: list[Plan], limit: int
) -> None:
    keys = put(store, plans)
    until = NOON + 60 * SECOND

    assert listed(store, until, limit) == naive(plans, keys, until)


def test_more_jobs_at_one_moment_than_a_page_holds_are_counted_all_the_same(store: Store) -> None:
    at_once = [Plan(step=3600, start=50) for _ in range(120)]
    resumed = [Plan(step=25, start=0, paused=50), Plan(step=30, start=0, paused=50)]
    busy = [Plan(step=3600, start=50, lasted=100, alive=(5,), most=most) for most in (1, 2)]
    plans = at_once + resumed + busy
    keys = put(store, plans)
    until = NOON + HOUR

    rows = listed(store, until, 30)

    assert rows == naive(plans, keys, until)
    assert {row.running for row in rows if row.at == NOON + 50 * SECOND} == {124}


def test_a_job_is_told_with_its_p95_and_its_name(store: Store, coming: Upcoming) -> None:
    put(store, [Plan(step=7200, start=7200, lasted=90)])

    moments = coming.list(3, 10, None).values

    (job,) = store.jobs.list(JobFilter(), 10).values
    at = clock.from_us(NOON) + timedelta(hours=2)
    assert moments == [Moment(at=at, job_id=job.id, name="backup", p95=90.0, running=1)]


def test_the_last_moment_may_be_at_the_very_end(store: Store, coming: Upcoming) -> None:
    put(store, [Plan(step=3600, start=3600)])

    assert len(coming.list(2, 10, None).values) == 2


def test_later_pages_end_where_the_first_one_does(
    store: Store, coming: Upcoming, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, [Plan(step=600, start=600)])
    first = coming.list(1, 3, None)
    monkeypatch.setattr(clock, "now_us", lambda: NOON + 60 * SECOND)

    second = coming.list(1, 10, first.next)

    assert [m.at for m in first.values + second.values] == [
        clock.from_us(NOON + number * 600 * SECOND) for number in range(1, 7)
    ]
    assert second.next is None


def test_what_is_not_scheduled_is_not_coming(store: Store, coming: Upcoming) -> None:
    put(store, [])
    add_job(store, mode=Mode.TRIGGERED, trigger=None, next_us=None)
    for state in (JobState.FINISHED, JobState.BLOCKED, JobState.PAUSED):
        add_job(store, state=state, next_us=None)
    deleted = add_job(store)
    store.jobs.delete(deleted.id)
    add_job(store, trigger={"interval": {"seconds": "broken"}}, next_us=NOON)

    assert coming.list(24, 1000, None).values == []


def test_nothing_is_coming_while_all_is_paused_without_end(store: Store, coming: Upcoming) -> None:
    put(store, [Plan(step=3600, start=3600)])
    store.switches.put(PAUSE_ALL, {"paused": True, "until_us": None})

    assert coming.list(24, 1000, None).values == []


def test_the_moment_at_which_the_pause_of_all_ends_is_the_first(
    store: Store, coming: Upcoming
) -> None:
    put(store, [Plan(step=3600, start=3600)])
    store.switches.put(PAUSE_ALL, {"paused": True, "until_us": NOON + 3 * HOUR})

    moments = coming.list(24, 1000, None).values

    assert moments[0].at == clock.from_us(NOON + 3 * HOUR)
    assert len(moments) == 22


def test_what_the_clocks_leap_over_is_not_coming(
    store: Store, coming: Upcoming, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = clock.to_us(datetime(2026, 3, 27, 12, tzinfo=UTC))
    monkeypatch.setattr(clock, "now_us", lambda: begin)
    for dst in ("once", "skip"):
        data = {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "dst": dst}
        trigger = parse(data, created_us=begin)
        add_job(store, name=dst, trigger=trigger.stored(), next_us=trigger.first(begin))

    moments = coming.list(72, 10, None).values

    assert [(f"{m.at:%d %H:%M}", m.name) for m in moments] == [
        ("28 01:30", "once"), ("28 01:30", "skip"),
        ("29 01:00", "once"),
        ("30 00:30", "once"), ("30 00:30", "skip"),
    ]  # fmt: skip


@pytest.mark.parametrize("cursor", ["what?", cursor_after(5), cursor_after(1, 2, 3, 4)])
def test_a_foreign_cursor_is_refused(coming: Upcoming, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        coming.list(24, 10, cursor)


@pytest.mark.parametrize("place", [(2**62, 2**62, 2**62), (-(2**62), -(2**62), 2**62)])
def test_a_cursor_of_anybodys_making_reaches_no_further_than_a_week(
    store: Store, coming: Upcoming, place: tuple[int, int, int]
) -> None:
    put(store, [Plan(step=86_400, start=3600)])

    assert len(coming.list(1, 1000, cursor_after(*place)).values) in {0, 7}


def test_triggers_are_made_once_until_the_calendars_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configuration = _configuration()
    triggers = upcoming.Triggers(configuration)
    text = '{"interval":{"hours":1},"start":"2026-01-01T00:00:00Z"}'

    first = triggers.of(text)
    assert first is not None
    assert triggers.of(text) is first
    configuration.calendars = {}
    assert triggers.of(text) is not first
    monkeypatch.setattr(upcoming, "_MOST_TRIGGERS", 1)
    assert triggers.of("broken") is None
    assert list(triggers._known) == ["broken"]
