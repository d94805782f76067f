"""Cursors and pages."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsched.errors import InvalidInput
from jobsched.storage.paging import Page, cursor_after, page_of, place_of


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_a_cursor_leads_back_to_its_place(place: int) -> None:
    assert place_of(cursor_after(place)) == place


def test_no_cursor_is_no_place() -> None:
    assert place_of(None) is None


@given(st.text(max_size=60))
def test_any_other_text_is_refused(text: str) -> None:
    with suppress(InvalidInput):
        place = place_of(text)
        assert place is not None
        assert cursor_after(place) == text


def test_a_refused_cursor_is_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        place_of("what?")

    assert [error.field for error in caught.value.errors] == ["cursor"]


@pytest.mark.parametrize("place", [2**63, -(2**63), 10**25])
def test_a_place_beyond_any_row_is_refused(place: int) -> None:
    with pytest.raises(InvalidInput):
        place_of(cursor_after(place))


def test_a_page_has_a_next_only_when_one_more_was_read() -> None:
    def place(value: int) -> int:
        return value * 10

    assert page_of([1, 2, 3], 2, place) == Page(values=[1, 2], next=cursor_after(20))
    assert page_of([1, 2], 2, place) == Page(values=[1, 2], next=None)
    assert page_of([], 2, place) == Page(values=[], next=None)
