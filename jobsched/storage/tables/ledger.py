"""What became of planned moments."""

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from jobsched.storage.tables.base import Time, metadata

occurrences = Table(
    "occurrences",
    metadata,
    Column("job_key", BigInteger, primary_key=True, autoincrement=False),
    Column("due_us", Time, primary_key=True, autoincrement=False),
    Column("outcome", String(10), nullable=False),  # "omitted": skipped, and no moment at all
    Column("run_id", BigInteger),
    Column("late_us", BigInteger),
    Column("reason", Text),
    Column("last_us", Time),  # the last moment of a stretch
    Column("count", BigInteger, nullable=False, server_default="1"),
    sqlite_with_rowid=False,
)

day_counts = Table(
    "day_counts",
    metadata,
    Column("job_key", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Integer, primary_key=True, autoincrement=False),  # days since 1970, UTC
    Column("ran", BigInteger, nullable=False, server_default="0"),
    Column("ended", BigInteger, nullable=False, server_default="0"),  # runs, when deleted
    Column("failed", BigInteger, nullable=False, server_default="0"),
    Column("late_quantiles", Text),  # JSON: microseconds at 0.5, 0.95, 0.99, 1
    Column("duration_quantiles", Text),
)
