"""B12: the time engine: µs per next time for each kind of trigger, beside other libraries.

Every figure is the median of batches, each a chain of next times from the same start, taken in
turn: ours as the scheduler asks (integers), ours through APScheduler's interface (datetimes, as
the others give them), APScheduler's own trigger, cronsim. The ratio is APScheduler's time to ours,
integers and datetimes. Run with ``python -m benchmarks.b12_next_time``.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from cronsim import CronSim

from jobsched.calendars.named import NamedCalendar
from jobsched.calendars.parts import Dates, Weekly
from jobsched.clock import to_us
from jobsched.errors import InvalidInput
from jobsched.triggers import Trigger, parse, restore

START = datetime(2026, 1, 1, tzinfo=UTC)
GOAL_US, GOAL_RATIO, GOAL_IMPOSSIBLE_US = 10.0, 3.0, 1000.0
BATCH_SECONDS = 0.02  # a batch ends after so much time, or after MOST next times
MOST = 1000
BETWEEN_LOOKS = 20  # at the clock
_CHRISTMAS = Dates(frozenset(date(year, 12, 25).toordinal() for year in range(2026, 2060)))
_WEEKENDS = Weekly((((),) * 5) + (((0, 86_400),),) * 2)
CALENDARS = {"closed": NamedCalendar("closed", (_WEEKENDS, _CHRISTMAS))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A trigger of ours, and what the others call the same.

    The goals are for *ordinary* cron expressions: those with a moment in every month.
    """

    name: str
    ours: Mapping[str, object]
    stock: Mapping[str, object] | None = None
    cronsim: str | None = None
    ordinary: bool = True


def cron(
    name: str, text: str, stock: Mapping[str, str] | None = None, *, ordinary: bool = True
) -> Case:
    """Return a case whose expression cronsim reads as we do."""
    return Case(name=name, ours={"cron": text}, stock=stock, cronsim=text, ordinary=ordinary)


def recurrence(name: str, frequency: str, schedule: Mapping[str, object] | None = None) -> Case:
    rule: dict[str, object] = {"frequency": frequency, "interval": 2}
    if schedule is not None:
        rule["schedule"] = schedule
    ours = {"recurrence": rule, "startTime": "2026-01-01T09:00:00"}
    return Case(name=f"recurrence, {name}", ours=ours, ordinary=False)


def ncrontab(name: str, text: str, *, ordinary: bool = True) -> Case:
    """Return a case that cronsim would read differently if day and weekday were both named."""
    ours = {"cron": {"expression": text, "dialect": "ncrontab"}}
    theirs = text if ordinary else None
    return Case(name=f"NCRONTAB, {name}", ours=ours, cronsim=theirs, ordinary=ordinary)


def closed(name: str, rule: str) -> Case:
    ours = {"cron": "30 9 * * *", "calendars": ["closed"], "on_excluded": rule}
    return Case(name=f"calendar, {name}", ours=ours, ordinary=False)


DAILY, HALF = {"hour": "9", "minute": "30"}, "30 9 "
CASES = (
    Case(
        name="interval", ours={"interval": {"minutes": 5}}, stock={"minutes": 5}, ordinary=False
    ),
    Case(name="at", ours={"at": "2030-01-01T00:00:00Z"}, ordinary=False),
    cron("every second", "* * * * * *", {"second": "*"}),
    cron("every minute", "* * * * *", {"minute": "*"}),
    cron("every 5 minutes", "*/5 * * * *", {"minute": "*/5"}),
    cron("daily", HALF + "* * *", DAILY),
    cron("weekdays", HALF + "* * mon-fri", DAILY | {"day_of_week": "mon-fri"}),
    cron("monthly, L", HALF + "L * *", DAILY | {"day": "last"}),
    cron("last Friday", HALF + "* * 5L", DAILY | {"day": "last fri"}),
    cron("29 February", HALF + "29 2 *", DAILY | {"month": "2", "day": "29"}, ordinary=False),
    Case(
        name="29 February, a Monday",
        ours={"cron": {"expression": "0 30 9 29 2 mon", "dialect": "ncrontab"}},
        stock=DAILY | {"month": "2", "day": "29", "day_of_week": "mon"},
        ordinary=False,
    ),
    cron("13th or Friday", HALF + "13 * fri"),
    ncrontab("13th and Friday", "0 30 9 13 * fri", ordinary=False),
    ncrontab("every 5 minutes", "0 */5 * * * *"),
    recurrence("minutes", "minute"),
    recurrence("days", "day", {"hours": [9, 17], "minutes": [0, 30]}),
    recurrence("weeks", "week", {"weekDays": ["Monday", "Friday"]}),
    recurrence("month days", "month", {"monthDays": [1, 15, -1]}),
    recurrence(
        "month weekdays", "month", {"monthlyOccurrences": [{"day": "Friday", "occurrence": -1}]}
    ),
    Case(
        name="any of three", ordinary=False,
        ours={"any": [{"cron": HALF + "* * 1-5"}, {"cron": "0 12 L * *"}, {"cron": "@weekly"}]},
    ),
    closed("skip", "skip"),
    closed("next", "next"),
)  # fmt: skip
IMPOSSIBLE = ("0 0 30 2 *", "0 0 31 2,4,6,9,11 *")


def chain(step: Callable[[], object | None]) -> float:
    """Return the µs per call of *step*, called until it gives None or a batch is over.

    They are CPU time: nothing waits here, and others may be at work on the machine.
    """
    count, begun = 0, time.thread_time()
    while count < MOST and time.thread_time() - begun < BATCH_SECONDS:
        for _ in range(BETWEEN_LOOKS):
            count += 1
            if step() is None:
                return (time.thread_time() - begun) / count * 1e6
    return (time.thread_time() - begun) / count * 1e6


def ours(trigger: Trigger) -> float:
    moment: int | None = to_us(START)

    def step() -> int | None:
        nonlocal moment
        moment = trigger.next_after(moment or 0)
        return moment

    return chain(step)


def plugged_in(trigger: BaseTrigger, zone: str) -> float:
    """Return what a trigger takes through APScheduler's interface, as its scheduler asks."""
    moment: datetime | None = START.astimezone(ZoneInfo(zone))

    def step() -> datetime | None:
        nonlocal moment
        now = moment
        assert now is not None
        moment = trigger.get_next_fire_time(now, now + timedelta(microseconds=1))
        return moment

    return chain(step)


def cronsim(text: str, zone: str) -> float:
    moments: Iterator[datetime] = CronSim(text, START.astimezone(ZoneInfo(zone)))
    return chain(lambda: next(moments, None))


def loops(case: Case, zone: str) -> dict[str, Callable[[], float]]:
    """Return how each library is measured."""
    trigger = parse(case.ours, created_us=to_us(START), timezone=zone, calendars=CALENDARS)
    found: dict[str, Callable[[], float]] = {
        "ours": lambda: ours(trigger),
        "plugged_in": lambda: plugged_in(trigger, zone),
    }
    if case.stock:
        kind = IntervalTrigger if "interval" in case.ours else CronTrigger
        begin = {"start_date": START} if "interval" in case.ours else {}
        stock = kind(**case.stock, **begin, timezone=ZoneInfo(zone))
        found["apscheduler"] = lambda: plugged_in(stock, zone)
    if case.cronsim:
        text = case.cronsim
        found["cronsim"] = lambda: cronsim(text, zone)
    return found


def measured(case: Case, zone: str, rounds: int) -> dict[str, object]:
    """Return the medians of *rounds* batches of each library, taken in turn."""
    each = loops(case, zone)
    times: dict[str, list[float]] = {name: [] for name in each}
    for _ in range(rounds):
        for name, loop in each.items():
            times[name].append(loop())
    medians = {name: statistics.median(values) for name, values in times.items()}
    row: dict[str, object] = {"kind": case.name, "zone": zone, "ordinary": case.ordinary}
    return row | {name: round(value, 3) for name, value in medians.items()}


def impossible(text: str, rounds: int) -> dict[str, object]:
    """Return how long it takes to refuse what never fires, and to look for its next time."""
    trigger = restore({"cron": text})

    def refuse() -> None:
        try:
            parse({"cron": text})
        except InvalidInput:
            return
        raise AssertionError(text)

    refusing = statistics.median(_timed(refuse) for _ in range(rounds))
    looking = statistics.median(_timed(lambda: trigger.next_after(0)) for _ in range(rounds))
    return {"impossible": text, "refuse": round(refusing, 1), "next": round(looking, 1)}


def _timed(work: Callable[[], object]) -> float:
    begun = time.thread_time()
    work()
    return (time.thread_time() - begun) * 1e6


def ratio(row: Mapping[str, object], of: str) -> float | None:
    """Return how many times longer APScheduler's own trigger takes."""
    theirs, mine = row.get("apscheduler"), row[of]
    assert isinstance(mine, float)
    return theirs / mine if isinstance(theirs, float) else None


def show(row: Mapping[str, object]) -> None:
    """Print one line of the table."""
    ratios = [ratio(row, "ours"), ratio(row, "plugged_in")]
    cells = [f"{row[name]:>10.2f}" if name in row else " " * 10 for name in LIBRARIES]
    cells += [" " * 8 if value is None else f"{value:>8.1f}" for value in ratios]
    mine = row["ours"]
    assert isinstance(mine, float)
    slow = row["ordinary"] and (
        mine > GOAL_US or any(r is not None and r < GOAL_RATIO for r in ratios)
    )
    print(
        f"{row['kind']:<28}{row['zone']:<15}{''.join(cells)}{'  short of its goal' if slow else ''}"
    )


LIBRARIES = ("ours", "plugged_in", "apscheduler", "cronsim")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    heads = "".join(f"{name:>10}" for name in ("ours, µs", "datetimes", "APSched.", "cronsim"))
    print(f"{'kind':<28}{'zone':<15}{heads}{'ratio':>8}{'ratio':>8}")
    rows = []
    for zone in ("UTC", "Europe/Berlin"):
        for case in CASES:
            rows.append(measured(case, zone, rounds))
            show(rows[-1])
    refused = [impossible(text, rounds) for text in IMPOSSIBLE]
    for row in refused:
        took = f"refused in {row['refuse']} µs, next time {row['next']} µs"
        print(f"impossible {row['impossible']:<24} {took}")
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    goals = {"us": GOAL_US, "ratio": GOAL_RATIO, "impossible_us": GOAL_IMPOSSIBLE_US}
    workload = {"workload": "b12 next time", "machine": machine, "goals": goals}
    print(json.dumps(workload | {"figures": rows, "impossible": refused}))


if __name__ == "__main__":
    main()
