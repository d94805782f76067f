"""Which failure has which exit code, and which code a run gives."""

from typing import Any

import pytest

from jobsched.cli import codes
from jobsched.client import failures


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (failures.Misused("x"), codes.USAGE),
        (failures.Ambiguous("x"), codes.USAGE),
        (failures.Missing("x"), codes.NOT_FOUND),
        (failures.Unreachable("x"), codes.UNREACHABLE),
        (failures.Unexpected("x"), codes.FAILED),
        (failures.TimeIsUp("x"), codes.TIME_IS_UP),
        *[
            (failures.Refused(status, {"title": "x"}), code)
            for status, code in {
                400: codes.USAGE,
                401: codes.NOT_ALLOWED,
                403: codes.NOT_ALLOWED,
                404: codes.NOT_FOUND,
                405: codes.FAILED,
                409: codes.CONFLICT,
                412: codes.CONFLICT,
                413: codes.FAILED,
                422: codes.CONFLICT,
                429: codes.FAILED,
                500: codes.FAILED,
                503: codes.FAILED,
                507: codes.FAILED,
            }.items()
        ],
    ],
    ids=lambda value: getattr(value, "status", None) or type(value).__name__,
)
def test_each_failure_has_its_code(error: failures.ClientError, code: int) -> None:
    assert codes.code_of(error) == code


@pytest.mark.parametrize(
    ("outcome", "exit_code", "signal", "code"),
    [
        ("succeeded", 0, None, 0),
        ("failed", 3, None, 3),
        ("failed", 255, None, 255),
        ("failed", 256, None, 1),
        ("failed", None, None, 1),
        ("failed", None, 11, 139),
        ("stopped", None, 15, 143),
        ("stopped", 0, None, 1),
        ("timed_out", 0, None, 1),
        ("lost", None, None, 1),
        ("not_started", None, None, 1),
    ],
)
def test_a_run_gives_its_own_code_and_never_0_without_success(
    outcome: str, exit_code: int | None, signal: int | None, code: int
) -> None:
    run: dict[str, Any] = {"outcome": outcome, "exit_code": exit_code, "signal": signal}

    assert codes.code_of_run(run) == code


def test_every_code_has_a_meaning_and_no_two_are_the_same() -> None:
    named = {
        name: value
        for name, value in vars(codes).items()
        if name.isupper() and isinstance(value, int)
    }

    assert sorted(named.values()) == sorted(codes.MEANINGS)
