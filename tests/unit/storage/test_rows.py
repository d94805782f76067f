"""The order of columns, on which settling and claiming rely."""

from jobsched.storage.rows import BEFORE_END, CLAIM, NODE, RUN_COLUMNS, STATE


def test_the_places_of_columns_are_as_named() -> None:
    names = [column.name for column in RUN_COLUMNS]

    assert (names[CLAIM], names[NODE], names[STATE]) == ("claim", "node", "state")
    assert names[BEFORE_END:] == [
        "state",
        "started_us",
        "ended_us",
        "exit_code",
        "signal",
        "ended_by",
        "reason",
        "successes",
        "errors",
        "ignores",
        "cpu_us",
        "peak_bytes",
        "out_bytes",
        "err_bytes",
        "reported",
        "open_records",
        "retried_by",
    ]
