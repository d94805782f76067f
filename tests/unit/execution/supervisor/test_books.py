"""What the supervisor has in hand, and what it still has to write."""

from jobsched.execution.supervisor import settling
from jobsched.execution.supervisor.books import Books

KEY, OTHER = (7, 1), (8, 1)


def books_with(*keys: tuple[int, int]) -> Books:
    books = Books()
    for key in keys:
        books.host(key, "r1")
    return books


def test_a_start_is_confirmed_once() -> None:
    books = books_with(KEY)

    books.run_started(KEY, 5)
    books.confirmed([KEY])
    books.run_started(KEY, 5)

    assert books.started == {}
    assert books.hosted[KEY].running


def test_the_start_of_a_run_that_has_ended_need_not_be_told() -> None:
    books = books_with(KEY)
    books.run_started(KEY, 5)

    books.run_ended(settling.lost(KEY, "gone", 9))

    assert books.started == {}
    assert books.alive == 0


def test_our_own_want_returns_a_run_and_its_own_fault_ends_it() -> None:
    books = books_with(KEY, OTHER)

    books.run_refused(KEY, {"reason": "no memory", "shortage": True}, 9)
    books.run_refused(OTHER, {"reason": "no such file", "shortage": False}, 9)

    assert books.returned == {KEY: "no memory"}
    assert list(books.ends) == [OTHER]
    assert books.alive == 0


def test_what_is_released_is_sorted_by_runner_and_out_of_hand() -> None:
    books = books_with(KEY)
    books.host(OTHER, "r2")
    books.run_ended(settling.lost(KEY, "gone", 9))
    books.run_ended(settling.lost(OTHER, "gone", 9))

    released = books.release([KEY, OTHER])

    assert released == {"r1": [KEY], "r2": [OTHER]}
    assert not books.hosted
    assert not books.ends


def test_runs_of_services_take_no_place() -> None:
    books = Books(service_runs={7: 1})
    books.host((6, 1), "r1")
    books.host((7, 1), "r1")

    assert (books.alive, books.is_service((7, 1)), books.is_service((6, 1))) == (1, True, False)

    books.run_ended(settling.lost((7, 1), "gone", 5))
    assert books.alive == 1
    books.run_ended(settling.lost((6, 1), "gone", 5))
    assert books.alive == 0
    books.release([(7, 1), (6, 1)])
    assert (books.alive, books.is_service((7, 1))) == (0, False)
