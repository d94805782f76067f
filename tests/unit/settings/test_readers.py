"""Readers: what each accepts, from text and from Python, and the sentence of a refusal."""

from zoneinfo import ZoneInfo

import pytest

from jobsched.settings import readers
from jobsched.settings.readers import Reader


@pytest.mark.parametrize(
    ("read", "raw", "value"),
    [
        (readers.integer(0, 9), " 7 ", 7),
        (readers.number(0), "0.5", 0.5),
        (readers.boolean, "Yes", True),
        (readers.boolean, False, False),
        (readers.words, "a, b,,c", ("a", "b", "c")),
        (readers.words, ["a", "b"], ("a", "b")),
        (readers.timezone, ZoneInfo("Europe/Berlin"), "Europe/Berlin"),
        (readers.script_types, {"rb": "ruby -w"}, {".rb": ("ruby", "-w")}),
        (readers.variables, "PATH, LC_*", ("PATH", "LC_*")),
        (readers.user, "root", "root"),
        (readers.database, "postgresql+psycopg://h/d", "postgresql+psycopg://h/d"),
    ],
)
def test_a_good_value_is_read(read: Reader, raw: object, value: object) -> None:
    assert read(raw) == value


@pytest.mark.parametrize(
    ("read", "raw"),
    [
        (readers.integer(0, 9), "10"),
        (readers.integer(0, 9), True),
        (readers.integer(0, 9), 1.5),
        (readers.integer(0, 9), "9" * 5000),
        (readers.number(0), "nan"),
        (readers.number(0), 10**400),
        (readers.number(0), None),
        (readers.boolean, "maybe"),
        (readers.words, [1]),
        (readers.text, ""),
        (readers.node, "-x"),
        (readers.timezone, "../etc/passwd"),
        (readers.timezone, 3),
        (readers.script_types, []),
        (readers.script_types, {"a/b": ["x"]}),
        (readers.script_types, {".rb": []}),
        (readers.variables, ["PATH", "*"]),
        (readers.variables, ["A=B"]),
        (readers.user, "nosuchuser"),
        (readers.user, "no\0user"),
        (readers.database, "mysql+pymysql://h/d"),
        (readers.database, "postgresql+asyncpg://h/d"),
        (readers.database, "sqlite://"),
        (readers.database, "sqlite:///:memory:"),
        (readers.database, "sqlite:///file:x?mode=memory&uri=true"),
    ],
)
def test_a_bad_value_is_refused_with_a_sentence(read: Reader, raw: object) -> None:
    with pytest.raises(ValueError, match=r"^(must|has|needs) "):
        read(raw)


def test_a_refused_database_address_keeps_its_password() -> None:
    with pytest.raises(ValueError, match="oracle") as refusal:
        readers.database("oracle://me:secret@host")

    assert "secret" not in str(refusal.value)
