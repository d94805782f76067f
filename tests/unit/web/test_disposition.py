"""The file name in Content-Disposition, in every form that clients send."""

import pytest

from jobsched.errors import InvalidInput
from jobsched.web.disposition import file_name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachment; filename=run.cmd", "run.cmd"),
        ('attachment; filename="run.cmd"', "run.cmd"),
        ("attachment; attachment; filename=run.cmd", "run.cmd"),
        ("attachment, attachment; filename=run.cmd; size=3", "run.cmd"),
        ('filename="a b.sh"', "a b.sh"),
        ("ATTACHMENT; FILENAME = run.cmd", "run.cmd"),
        ('attachment; filename="C:\\\\jobs\\\\run.cmd"', "run.cmd"),
        ("attachment; filename=../../etc/run.sh", "run.sh"),
        ("attachment; filename*=UTF-8''%C3%A9t%C3%A9.sh", "été.sh"),
        ("attachment; filename=x.sh; filename*=utf-8'en'%E2%82%AC.sh", "€.sh"),
        ("attachment; filename*=iso-8859-1''%E9.sh", "é.sh"),
        ("attachment; filename=\xc3\xa9.sh", "é.sh"),
        ('attachment; filename="=?utf-8?B?w6kuc2g=?="', "é.sh"),
        ('attachment; filename="say \\"hi\\".sh"', 'say "hi".sh'),
    ],
)
def test_a_name_is_read(header: str, name: str) -> None:
    assert file_name(header) == name


@pytest.mark.parametrize(
    "header",
    [None, "", "attachment", "attachment; filename=", 'filename=""', "filename=..", "filename=a/",
     "filename=\"a\x01b\"", "filename=" + "x" * 256],
)  # fmt: skip
def test_what_cannot_be_the_name_of_a_file_is_refused(header: str | None) -> None:
    with pytest.raises(InvalidInput) as refusal:
        file_name(header)

    assert refusal.value.errors[0].field == "Content-Disposition"
