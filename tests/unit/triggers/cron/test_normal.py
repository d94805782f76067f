"""Expressions written out as NCrontab's ToString does."""

import pytest

from jobsched.triggers.cron.normal import normalised


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        ("*/15 * * * * *", "0,15,30,45 * * * * *"),
        ("0 0-59 9-17 * jan,feb,dec mon-fri", "0 * 9-17 * 1-2,12 1-5"),
        ("5 4 * * *", "0 5 4 * * *"),
        ("0 50/3 0,1,2 31 */6 sun", "0 50,53,56,59 0-2 31 1,7 0"),
    ],
)
def test_every_field_is_numbers(expression: str, written: str) -> None:
    assert normalised(expression) == written
