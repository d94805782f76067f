import pytest

from jobsched.execution.order import Order, segments


def test_neighbours_of_the_same_stream_become_one() -> None:
    order = Order()
    for number, length in [(0, 5), (0, 7), (1, 5), (0, 3)]:
        order.add(number, length)

    assert order.finish() == "o12e5o3"


def test_nothing_has_no_order() -> None:
    assert Order().finish() == ""


def test_what_was_taken_is_not_told_again() -> None:
    order = Order()
    order.add(0, 1)
    changed = order.add(1, 2)

    assert changed
    assert order.take() == "o1"
    assert order.finish() == "e2"


def test_segments_follow_the_order() -> None:
    assert segments("o12e5o3", (15, 5)) == [(0, 0, 12), (1, 0, 5), (0, 12, 3)]


@pytest.mark.parametrize(
    ("text", "sizes", "expected"),
    [
        ("", (4, 0), [(0, 0, 4)]),
        ("", (4, 3), [(0, 0, 4), (1, 0, 3)]),
        ("e3", (4, 3), [(1, 0, 3), (0, 0, 4)]),
        ("o4", (9, 0), [(0, 0, 4), (0, 4, 5)]),
    ],
)
def test_what_the_text_does_not_speak_of_comes_after_it(
    text: str, sizes: tuple[int, int], expected: list[tuple[int, int, int]]
) -> None:
    assert segments(text, sizes) == expected


def test_segments_never_reach_past_a_stream() -> None:
    assert segments("o12e5o3", (10, 1)) == [(0, 0, 10), (1, 0, 1)]
