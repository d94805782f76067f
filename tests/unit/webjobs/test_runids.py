from datetime import UTC, datetime, timedelta

import pytest

from jobsched.webjobs.runids import id_of, span

MOMENT = datetime(2013, 11, 8, 2, 56, 7, 123_456, tzinfo=UTC)


def test_an_id_is_the_moment_in_18_digits() -> None:
    assert id_of(MOMENT) == "201311080256071234"


def test_an_id_names_a_tenth_of_a_millisecond() -> None:
    found = span(id_of(MOMENT))

    assert found is not None
    begin, end = found
    assert begin <= MOMENT < end
    assert end - begin == timedelta(microseconds=100)


def test_the_seeds_14_digits_name_a_second() -> None:
    begin = MOMENT.replace(microsecond=0)

    assert span("20131108025607") == (begin, begin + timedelta(seconds=1))


@pytest.mark.parametrize(
    "text",
    ["", "2013", "20131308025607", "2013110802560712345", "2013110802560\uff171234", "x" * 18],
)
def test_anything_else_is_no_id(text: str) -> None:
    assert span(text) is None
