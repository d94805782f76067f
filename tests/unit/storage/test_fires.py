import pytest

from jobsched.storage.fires import number_array


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([], "{}"), ((7,), "{7}"), ([1, None, -3], "{1, NULL, -3}"), ([2**62], f"{{{2**62}}}")],
)
def test_numbers_are_written_as_postgresql_reads_an_array(
    numbers: list[int | None], text: str
) -> None:
    assert number_array(numbers) == text
