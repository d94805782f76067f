"""A recurrence in plain English."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from jobsched.triggers.recurrence.elapsed import DAY, MINUTE
from jobsched.triggers.recurrence.pattern import EACH, WEEKDAYS, Frequency, Pattern, Schedule
from jobsched.triggers.recurrence.rules import EPOCH_DAY, day_times

MOST_TIMES = 6  # so many times of a day are listed one by one
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local times are counted from it
_WHICH = ("first", "second", "third", "fourth", "fifth")


def tell(pattern: Pattern, start: int, *, at_once: bool) -> str:
    """Return the rule and its *start*, in seconds since 1970 as the clocks of its zone show it.

    *at_once* says that there is one moment at the start before the rule goes on.
    """
    rule = f"{_every(pattern)}{_where(pattern, start)}"
    if not at_once:
        with_time = pattern.frequency.elapsed or bool(pattern.schedule)
        return f"{rule}, from {_date(start, with_time=with_time)}"
    counted = pattern.step > 1 or not pattern.frequency.elapsed
    since = f", counted from {_date(start, with_time=pattern.frequency.elapsed)}" if counted else ""
    return f"At once, then {rule[0].lower()}{rule[1:]}{since}"


def _every(pattern: Pattern) -> str:
    plain = pattern.step == 1
    return f"Every {pattern.frequency}" if plain else f"Every {pattern.step} {pattern.frequency}s"


def _where(pattern: Pattern, start: int) -> str:
    """Return what follows ``Every 2 weeks``: the days and times of day."""
    schedule, (day, second) = pattern.schedule, divmod(start, DAY)
    if pattern.frequency.elapsed:
        return _limits(pattern)
    times = f" at {_times(schedule, second)}"
    if pattern.frequency is Frequency.DAY:
        return times
    if pattern.frequency is Frequency.WEEK:
        weekdays = schedule.weekdays or ((day + EPOCH_DAY - 1) % 7,)
        return f" on {_listed(WEEKDAYS[weekday] for weekday in weekdays)}{times}"
    start_day = (_EPOCH + timedelta(days=day)).day
    return f" on {_days_of_month(schedule, start_day)}{times}"


def _limits(pattern: Pattern) -> str:
    """Return what a schedule makes of steps of minutes or hours."""
    schedule = pattern.schedule
    minutes = f" at {_minutes(schedule.minutes)}" if schedule.minutes else ""
    if minutes and pattern.frequency is Frequency.MINUTE:
        minutes = f", only{minutes}"
    hours = f", only from {_hours(schedule.hours)}" if schedule.hours else ""
    return minutes + hours


def _times(schedule: Schedule, second: int) -> str:
    """Return the times of day, listed or, when there are many, as hours and minutes."""
    times = day_times(schedule, second)
    rest = f":{second % MINUTE:02}" if second % MINUTE else ""
    if times.total <= MOST_TIMES:
        every = ((hour, minute) for hour in times.hours for minute in times.minutes)
        return _listed(f"{hour:02}:{minute:02}{rest}" for hour, minute in every)
    after = f" (second {second % MINUTE})" if rest else ""
    if len(times.hours) == 24:
        return f"{_minutes(times.minutes)}{after} of every hour"
    return f"{_minutes(times.minutes)}{after} of {_hours(times.hours)}"


def _minutes(minutes: tuple[int, ...]) -> str:
    name = "minute" if len(minutes) == 1 else "minutes"
    return f"{name} {_listed(_runs(minutes))}"


def _hours(hours: tuple[int, ...]) -> str:
    """Return for instance ``09:00 to 12:59 and 17:00 to 17:59``."""
    return _listed(f"{first:02}:00 to {last:02}:59" for first, last in _stretches(hours))


def _days_of_month(schedule: Schedule, start_day: int) -> str:
    days = schedule.month_days or (() if schedule.occurrences else (start_day,))
    said = [f"day {run}" for run in _runs(tuple(day for day in days if day > 0))]
    said += ["the " + _from_end(-day, "day") for day in days if day < 0]
    return _listed(said + list(_weekdays(schedule)))


def _weekdays(schedule: Schedule) -> Iterable[str]:
    """Yield for instance ``the first and third Monday`` and ``every Friday``."""
    for weekday, name in enumerate(WEEKDAYS):
        which = sorted(
            (number for day, number in schedule.occurrences if day == weekday),
            key=lambda number: (number < 0, number),
        )
        if EACH in which:
            yield f"every {name}"
        elif which:
            *others, last = [_which(number) for number in which]
            listed = _listed([*others, _last_word(last, name)])
            yield f"the {listed}"


def _which(number: int) -> str:
    return _WHICH[number - 1] if number > 0 else _from_end(-number, "")


def _last_word(which: str, name: str) -> str:
    """Return ``third Monday``, or ``second Monday from the end``."""
    number, _, rest = which.partition(" ")
    return f"{number} {name} {rest}".rstrip()


def _from_end(number: int, noun: str) -> str:
    """Return ``last day``, ``second day from the end``, ``24th day from the end``."""
    if number == 1:
        return f"last {noun}".rstrip()
    ordinal = _WHICH[number - 1] if number <= len(_WHICH) else f"{number}{_suffix(number)}"
    return f"{ordinal} {noun} from the end".replace("  ", " ")


def _suffix(number: int) -> str:
    return "th" if number in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _runs(numbers: tuple[int, ...]) -> list[str]:
    """Return numbers in words, three or more in a row as ``0 to 14``."""
    said: list[str] = []
    for first, last in _stretches(numbers):
        near = range(first, last + 1)
        said += [f"{first} to {last}"] if len(near) > 2 else [str(number) for number in near]
    return said


def _stretches(numbers: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the first and the last of numbers that follow one another without a gap."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _listed(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _date(local: int, *, with_time: bool) -> str:
    moment = _EPOCH + timedelta(seconds=local)
    if not with_time:
        return f"{moment:%Y-%m-%d}" if moment.year >= 1000 else moment.date().isoformat()
    return moment.isoformat(" ").removesuffix(":00")
