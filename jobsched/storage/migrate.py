"""Bringing a database to the shape of this version: made, upgraded with a backup, or refused."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect

from jobsched.errors import ConfigurationError, Mistake, Unavailable
from jobsched.storage import sqlite
from jobsched.storage.database import Database, parse
from jobsched.storage.tables import metadata

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

VERSION_TABLE = "jobsched_version"
HEAD = "0001"
SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 5_863_101  # any number, the same in every process


def migrate(url: str, scripts: Path = SCRIPTS) -> str:
    """Give the database at *url* the shape that *scripts* lead to; return its revision.

    A SQLite file of an older revision is first copied to ``<file>.before-<revision>``.

    Raises: ConfigurationError when it is of a newer version or not a database of jobsched;
        Unavailable when it cannot be used at all.
    """
    if (parsed := parse(url)).get_backend_name() == "sqlite":
        check_file(sqlite.file_of(parsed))
    database = Database(url)
    try:
        with database.write() as connection:
            return _up_to_date(connection, scripts)
    except Unavailable as error:
        shown = parsed.render_as_string(hide_password=True)
        raise Unavailable(
            f"{error.detail} Its address (DATABASE_URL or SCHED_CONFIG): {shown}"
        ) from error
    finally:
        database.close()


def check_file(path: Path) -> None:
    """Refuse another program's file before opening it for writing, which would change it.

    Raises: ConfigurationError.
    """
    if not path.exists() or path.stat().st_size == 0:
        return
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)) as file:
            tables = {name for (name,) in file.execute(query)}
    except sqlite3.DatabaseError as error:
        _refuse(str(path), f"not a database that can be read: {error}")
    if tables and VERSION_TABLE not in tables:
        _refuse(str(path), f"a database of another program: it has the table {min(tables)!r}")


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the database, None when nothing of ours is in it."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    query = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant
    revision = connection.exec_driver_sql(query).scalar()
    return None if revision is None else str(revision)


def _up_to_date(connection: Connection, scripts: Path) -> str:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    revision = revision_of(connection)
    if revision is None:
        _refuse_strangers(connection)
    if scripts == SCRIPTS and revision == HEAD:
        return HEAD  # the usual start, without Alembic in memory
    return _upgrade(connection, revision, scripts)


def _upgrade(connection: Connection, revision: str | None, scripts: Path) -> str:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = _config(connection, scripts)
    directory = ScriptDirectory.from_config(config)
    head = directory.get_current_head() or ""
    if revision == head:
        return head
    if revision is not None:
        _refuse_newer(directory, revision, _place_of(connection))
        _back_up(connection, revision)
    command.upgrade(config, "head")
    return head


def _config(connection: Connection, scripts: Path) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _refuse_newer(directory: "ScriptDirectory", revision: str, place: str) -> None:
    if revision not in {script.revision for script in directory.walk_revisions()}:
        _refuse(
            place,
            f"the database has revision {revision}, which this version of jobsched does not"
            " know: it was made by a newer one. Start that one, or use another database.",
        )


def _refuse_strangers(connection: Connection) -> None:
    present = set(inspect(connection).get_table_names())
    clashes = sorted(
        present if connection.dialect.name == "sqlite" else present & {*metadata.tables}
    )
    if clashes:
        _refuse(
            _place_of(connection),
            f"not a database of jobsched: it already has the table {clashes[0]!r}",
        )


def _place_of(connection: Connection) -> str:
    """Return the file of the database, or its address without the password."""
    url = connection.engine.url
    if url.get_backend_name() == "sqlite":
        return str(sqlite.file_of(url))
    return url.render_as_string(hide_password=True)


def _back_up(connection: Connection, revision: str) -> None:
    if connection.dialect.name != "sqlite":
        return
    path = sqlite.file_of(connection.engine.url)
    copy = path.with_name(f"{path.name}.before-{revision}")
    partial = copy.with_name(f"{copy.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    # Our own transaction keeps writers away; a second connection still reads what is committed.
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as target:
        source.backup(target)
    partial.replace(copy)


def _refuse(where: str, message: str) -> None:
    raise ConfigurationError([Mistake(where=where, message=message)])
