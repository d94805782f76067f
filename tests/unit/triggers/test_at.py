"""A single moment, also at a local time that the clocks leap over."""

import pytest

from jobsched.clock import SECOND
from jobsched.triggers import describe, parse, restore
from tests.unit.triggers.recurrences import NOW, instant, refused

BERLIN = "Europe/Berlin"
IN_GAP = {"at": "2027-03-28T02:30:00", "timezone": BERLIN}
AFTER = "2027-03-28T01:00:00Z"
NOTE = (
    "02:30 does not exist on 2027-03-28 in Europe/Berlin (clocks go from 02:00 to 03:00):"
    " runs at 03:00"
)


@pytest.mark.parametrize("dst", ["once", "both"])
def test_a_time_in_a_gap_happens_right_after_it_and_says_so(dst: str) -> None:
    trigger = parse({**IN_GAP, "dst": dst}, created_us=NOW)

    assert trigger.first(NOW) == instant(AFTER)
    assert trigger.note(instant(AFTER)) == NOTE
    assert trigger.note(instant(AFTER) + SECOND) is None
    assert describe(trigger) == "Once at 2027-03-28 03:00"


def test_the_canonical_form_keeps_the_time_in_the_gap() -> None:
    trigger = parse(IN_GAP, created_us=NOW)

    assert trigger.to_json() == IN_GAP
    assert restore(trigger.stored()) == trigger


def test_a_time_in_a_gap_that_is_to_be_skipped_can_never_fire() -> None:
    skipping = {**IN_GAP, "dst": "skip"}

    assert refused(skipping) == {"at": "never"}
    assert refused({"any": [skipping]}) == {"any[0].at": "never"}
    assert restore(skipping).first(NOW) == instant(AFTER)


@pytest.mark.parametrize("at", [AFTER, "2027-03-28T03:00:00", "2027-10-31T02:30:00"])
def test_any_other_time_has_no_note(at: str) -> None:
    trigger = parse({**IN_GAP, "at": at, "dst": "skip"}, created_us=NOW)

    moment = trigger.first(NOW)

    assert moment is not None
    assert trigger.note(moment) is None


def test_a_time_in_a_gap_just_gone_is_meant_for_now() -> None:
    now = instant(AFTER) + 30 * SECOND

    trigger = parse(IN_GAP, created_us=now)

    assert trigger.first(now) == now
    assert trigger.note(now) is None
    assert restore(trigger.to_json()) == trigger
