"""Databases made, upgraded and refused; and the models against the migrated schema."""

import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

from jobsched.errors import ConfigurationError, Unavailable
from jobsched.storage import Store
from jobsched.storage.migrate import HEAD, SCRIPTS, VERSION_TABLE, migrate, revision_of
from jobsched.storage.searching import JobFilter
from jobsched.storage.tables import metadata
from tests.support.rows import add_job

NEXT = """
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade():
    op.execute("CREATE TABLE later (number INTEGER)")
    {more}
"""


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The scripts of a version to come, which has one step more."""
    return _later(tmp_path / "later")


def _later(folder: Path, more: str = "") -> Path:
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    step = NEXT.format(head=HEAD, more=more)
    (folder / "versions" / "9999_later.py").write_text(step, encoding="utf-8")
    return folder


def _file(url: str) -> Path:
    return Path(make_url(url).database or "")


def _revision(url: str) -> str | None:
    store = Store.open(url)
    with store.database.read() as connection:
        revision = revision_of(connection)
    store.close()
    return revision


def test_the_steps_have_one_head_and_the_start_knows_it() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_the_migrated_schema_is_that_of_the_models(fresh_url: str) -> None:
    store = Store.open(fresh_url, migrate=True)

    with store.database.read() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, metadata)

    store.close()
    assert differences == []


def test_sqlite_has_the_tables_word_for_word_as_the_models_say(tmp_path: Path) -> None:
    migrated = Store.open(f"sqlite:///{tmp_path}/migrated.db", migrate=True)
    created = Store.open(f"sqlite:///{tmp_path}/created.db")
    with created.database.write() as connection:
        metadata.create_all(connection)

    assert _schema(migrated) == _schema(created)


def _schema(store: Store) -> dict[str, str]:
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name != :version"
    with store.database.read() as connection:
        rows = store.database.run(connection, query, {"version": VERSION_TABLE}).all()
    store.close()
    return {name: "".join(sql.split()) for name, sql in rows}


def test_migrating_again_changes_nothing(fresh_url: str) -> None:
    assert migrate(fresh_url) == HEAD
    assert migrate(fresh_url) == HEAD


def test_an_older_database_is_upgraded_with_all_that_is_in_it(fresh_url: str, later: Path) -> None:
    store = Store.open(fresh_url, migrate=True)
    job = add_job(store)
    store.close()

    assert migrate(fresh_url, later) == "9999"

    assert _revision(fresh_url) == "9999"
    assert store.jobs.get(job.id) == job
    store.close()


def test_a_file_is_copied_before_it_is_upgraded(tmp_path: Path, later: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobsched.db"
    store = Store.open(url, migrate=True)
    job = add_job(store)
    # The log is not emptied here: what is only in it must be in the copy as well.
    migrate(url, later)
    store.close()

    copy = tmp_path / f"jobsched.db.before-{HEAD}"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    old = Store.open(f"sqlite:///{copy}", migrate=True)
    assert [found.id for found in old.jobs.list(JobFilter(), 10).values] == [job.id]
    old.close()
    assert _revision(f"sqlite:///{copy}") == HEAD


def test_an_upgrade_that_fails_leaves_everything_as_it_was(fresh_url: str, tmp_path: Path) -> None:
    migrate(fresh_url)
    broken = _later(tmp_path / "broken", "raise OSError('no')")

    with pytest.raises(OSError, match="no"):
        migrate(fresh_url, broken)

    assert _revision(fresh_url) == HEAD
    store = Store.open(fresh_url)
    with store.database.read() as connection, pytest.raises(Exception, match="later"):
        connection.exec_driver_sql("SELECT * FROM later")
    store.close()


def test_a_newer_database_is_refused(fresh_url: str, later: Path) -> None:
    migrate(fresh_url, later)

    with pytest.raises(ConfigurationError, match=r"jobs.*revision 9999.*newer one"):
        Store.open(fresh_url, migrate=True)


def test_a_database_that_cannot_be_used_is_named_without_its_password() -> None:
    pytest.importorskip("psycopg")

    with pytest.raises(
        Unavailable, match=r"DATABASE_URL or SCHED_CONFIG.*//me:\*\*\*@127.0.0.1:1/jobs"
    ):
        migrate("postgresql://me:secret@127.0.0.1:1/jobs")


def test_another_programs_tables_are_refused(fresh_url: str) -> None:
    store = Store.open(fresh_url)
    with store.database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE jobs (name VARCHAR(10))")
    store.close()

    with pytest.raises(ConfigurationError, match="jobs"):
        migrate(fresh_url)


def test_another_programs_file_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE contacts (name TEXT)")
    before = path.read_bytes()

    with pytest.raises(ConfigurationError, match="another program: it has the table 'contacts'"):
        migrate(f"sqlite:///{path}")

    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["other.db"]


def test_a_file_that_is_no_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Remember the milk. " * 100, encoding="utf-8")

    with pytest.raises(ConfigurationError, match="not a database"):
        migrate(f"sqlite:///{path}")

    assert path.read_text(encoding="utf-8").startswith("Remember")


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "jobsched.db"
    path.touch()

    assert migrate(f"sqlite:///{path}") == HEAD


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////no/such/folder/x.db",
        "nonsense",
        "oops://x/y",
        "mysql://x/y",
    ],
)
def test_what_names_no_usable_database_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        migrate(url)
